#include "file/file_system.hpp"
#include "store/large_memory.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <pawl/error.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;
using Catch::Matchers::Contains;

namespace {

template <class Action>
std::pair<errc, std::string> thrown_by(Action&& action) {
  try {
    action();
  } catch (const error& failure) {
    return {failure.code(), failure.what()};
  }
  return {};
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

}  // namespace

TEST_CASE("what is written to a file is read from it, and its end is known") {
  const temp_dir where;
  file_system& files = machine_files();
  {
    const auto made = files.create(where.path() / "a");
    made->write(0, bytes_of("hello world"));
    made->write(6, bytes_of("there"));
    made->sync();
    CHECK(made->size() == 11);
  }
  files.sync_directory(where.path());
  const auto opened = files.open(where.path() / "a");
  std::string text(11, '\0');
  opened->read(0, std::as_writable_bytes(std::span{text}));
  CHECK(text == "hello there");
  const auto [code, sentence] = thrown_by([&] { opened->read(6, std::as_writable_bytes(std::span{text})); });
  CHECK(code == errc::damaged);
  CHECK_THAT(sentence, Contains("ends too early"));
}

TEST_CASE("what is written past the cache is read as any other, wherever it begins") {
  const temp_dir where;
  const large_memory blocks(2 * uncached_block_size);
  std::memset(blocks.data(), 'b', blocks.size());
  const auto made = machine_files().create(where.path() / "a");
  made->bypass_cache();
  made->write(0, {blocks.data(), 2 * uncached_block_size});
  made->sync();
  std::string text(2 * uncached_block_size, '\0');
  machine_files().open(where.path() / "a")->read(0, std::as_writable_bytes(std::span{text}));
  CHECK(text == std::string(text.size(), 'b'));
  made->write(5, bytes_of("odd"));  // as a disk answers whose blocks are larger
  made->sync();
  machine_files().open(where.path() / "a")->read(0, std::as_writable_bytes(std::span{text}));
  CHECK(text.substr(0, 10) == "bbbbboddbb");
  CHECK(made->size() == text.size());
}

TEST_CASE("files and directories are for their owner alone, whatever the umask") {
  const temp_dir where;
  const mode_t before = ::umask(0777);
  { const auto made = machine_files().create(where.path() / "a"); }
  machine_files().make_directory(where.path() / "d");
  ::umask(before);
  struct stat status {};
  REQUIRE(::stat((where.path() / "a").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  REQUIRE(::stat((where.path() / "d").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
}

TEST_CASE("a file that is there is not made anew, a link is not followed, an absent one is removed in peace") {
  const temp_dir where;
  file_system& files = machine_files();
  { const auto made = files.create(where.path() / "a"); }
  CHECK(thrown_by([&] { static_cast<void>(files.create(where.path() / "a")); }).first == errc::io);
  std::filesystem::create_symlink(where.path() / "a", where.path() / "link");
  CHECK(thrown_by([&] { static_cast<void>(files.open(where.path() / "link")); }).first == errc::io);
  files.rename(where.path() / "a", where.path() / "b");
  auto names = files.list(where.path());
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"b", "link"});
  files.remove(where.path() / "b");
  files.remove(where.path() / "b");
}

TEST_CASE("a failed call says what, where, why and what to do") {
  const auto [full, full_sentence] = thrown_by([] { throw_file_error(ENOSPC, "write", "/x/y"); });
  CHECK(full == errc::disk_full);
  CHECK_THAT(full_sentence, Contains("file: cannot write /x/y: No space left on device; free some room"));
  const auto [refused, refused_sentence] = thrown_by([] { throw_file_error(EACCES, "open", "/x/y"); });
  CHECK(refused == errc::io);
  CHECK_THAT(refused_sentence, Contains("Permission denied"));
}
