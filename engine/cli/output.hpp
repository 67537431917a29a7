// Where the tool writes: standard output or a file, buffered.
//
// Nothing is written before the first 64 KiB or finish(), so a command that
// fails early leaves nothing on standard output.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace pawl::cli {

// Whoever read our output closed the pipe: a reason to end, not to complain.
struct reader_gone {};

class output {
public:
  // Standard output.
  output();
  // A file. A plain one appears under its name, whole and on the disk, at finish(); a device or a
  // pipe is written as we go.
  explicit output(const std::filesystem::path& path);
  ~output();
  output(const output&) = delete;
  output& operator=(const output&) = delete;

  // All of these throw pawl::error (io, disk_full), or reader_gone.
  output& operator<<(std::string_view text);
  void finish();

  // Colours are wanted: a terminal, and the environment says nothing against it.
  [[nodiscard]] bool colours() const noexcept { return colours_; }

private:
  void write_out();
  [[noreturn]] void throw_failed(int cause, const char* doing) const;

  int fd_;
  bool owned_ = false;
  bool colours_ = false;
  std::string buffer_;
  std::filesystem::path path_;    // what the user named
  std::filesystem::path target_;  // the file behind that name
  std::filesystem::path fresh_;   // what is written until it is whole; empty: nothing to rename
};

// One line to standard error, as far as that goes.
void complain(std::string_view sentence) noexcept;

}  // namespace pawl::cli
