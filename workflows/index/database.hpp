// The index: one row and one full-text entry per document, in SQLite.
//
//   document(id, path, bytes, mtime_ns, title, lines, words, terms)
//   page(rowid = document.id, name, title, text)      FTS5
//   vanished(path, times)     how often a path was removed because its file was gone
//
// Every row follows from its file alone: ids come from the path, and there is no
// time of writing. So two indexes of one tree hold the same rows, whatever was
// killed and resumed on the way. What differs are the pages inside FTS5, which
// remember the order of arrival: compare by `index dump`, or row by row.
//
// One thread at a time. Knows nothing of pawl.
#pragma once

#include "sqlite.hpp"
#include "text.hpp"
#include "tree.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace index_database {

struct hit {
  std::string path;
  std::string title;
  std::string snippet;  // with the words found in [brackets]
};

// For building. Opens or creates.
class writer {
public:
  explicit writer(const std::string& path);
  writer(const writer&) = delete;  // its statements refer to its connection
  writer& operator=(const writer&) = delete;

  // What must enter an item's input so that it is done again where the index
  // lost it: another index, or a path that was removed from it meanwhile.
  [[nodiscard]] std::uint64_t edition_of(const std::string& path) const;

  // Removes what is no longer so: documents below `root` whose file is gone, or
  // is not what was indexed any more and may be nothing to index now.
  // Gives the paths of those that are gone.
  std::vector<std::string> forget_stale(const std::string& root, std::uint64_t max_bytes);

  // A transaction for any number of put(). On the disk when it has committed.
  [[nodiscard]] index_sqlite::transaction begin() { return index_sqlite::transaction(db_); }
  // Puts a document in the place of the one with the same path, if there is one,
  // inside a transaction. Doing it twice is doing it once.
  void put(const index_tree::file& file, const index_text::document& document);

private:
  // A number that follows from the path, except where two paths give the same.
  [[nodiscard]] std::int64_t free_id(std::string_view path);
  void forget(std::int64_t id);

  index_sqlite::connection db_;
  std::int64_t index_id_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> vanished_;
  index_sqlite::statement find_, taken_, put_document_, put_page_, delete_document_, delete_page_, note_vanished_;
};

// The best documents for all of these words. Read-only.
[[nodiscard]] std::vector<hit> search(const std::string& path, const std::vector<std::string>& words, int limit);

// One line per document in the order of the paths: what must be equal in two
// indexes of the same tree. `check` lets FTS5 compare itself with its text first.
void dump(const std::string& path, bool check, const std::function<void(const std::string& line)>& print);

}  // namespace index_database
