// The source of items: everything below a folder that is not a folder itself.
//
// Knows the file system; knows nothing of pawl, of text or of databases.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace index_tree {

// One item. If any of it differs from what is recorded, the file is done again.
struct file {
  std::string path;           // bytes as the kernel has them: any but NUL
  std::uint64_t size = 0;     // bytes
  std::int64_t mtime_ns = 0;  // of the Unix epoch
  std::uint64_t edition = 0;  // changes when the file must be read again though it did not change
};

// What lstat says.
struct entry {
  enum class kind { gone, unknown, folder, regular, other };  // unknown: we may not see it, so it may be there
  kind is = kind::gone;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
};
[[nodiscard]] entry look_at(const std::string& path);

// The real path of a folder, or a sentence on why it cannot be walked
// (std::runtime_error).
[[nodiscard]] std::string folder_to_walk(const std::string& path);

// Walks a folder without recursion, each file once, in the order of the bytes of
// their paths: always the same for the same tree, and neighbours stay neighbours.
// Symbolic links are items and are not followed, so there are no loops. A folder
// that cannot be read is an item too: it is somebody's to know.
class walk {
public:
  // `leave_out`: real paths of files or folders that are passed over.
  walk(std::string root, std::vector<std::string> leave_out);

  // The next file with its size and time, or nothing at the end.
  [[nodiscard]] std::optional<file> next();

private:
  struct open_folder {
    std::string prefix;              // of the paths in it, with the slash
    std::vector<std::string> names;  // descending, a folder's with a slash behind: taken from the back
  };
  // False where the folder cannot be read.
  bool enter(std::string folder);

  std::vector<open_folder> open_;
  std::vector<std::string> leave_out_;
};

// The bytes of a regular file, or why there are none for us.
struct contents {
  std::string bytes = {};
  std::string skipped = {};  // a reason, where it is not to be indexed
  std::string failed = {};   // a reason, where another try may succeed
};
// Never waits: not for the writer of a pipe, not for a device.
[[nodiscard]] contents read_file(const std::string& path, std::uint64_t max_bytes);

// May we read it? Root may always.
[[nodiscard]] bool readable(const std::string& path);

}  // namespace index_tree
