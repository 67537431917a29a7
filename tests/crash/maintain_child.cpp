// Compacts, repairs or backs up a state, and is killed in the middle.
//
//   maintain_child STATE TARGET MODE KILL_AT
//
// KILL_AT n: SIGKILL before the n-th write, flush, renaming or removal (0: never). MODE:
//   compact, repair, backup     what is tested
//   hasty                       a compaction that removes data.mdb before it gives its copy the name
//   plain copy                  a backup that writes under the name that it will have
// The last two are the errors that the tests must be able to find.

#include "tests/crash/kill_at_write.hpp"

#include <pawl/maintain.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace fs = std::filesystem;

namespace {

void write_copy(const fs::path& from, const fs::path& to) {
  std::ifstream in(from, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  const int fd = ::open(to.c_str(), O_WRONLY | O_CREAT, 0600);
  for (std::size_t at = 0; at < bytes.size(); at += 65'536)
    if (::pwrite(fd, bytes.data() + at, std::min<std::size_t>(65'536, bytes.size() - at), static_cast<off_t>(at)) < 0) std::abort();
  ::close(fd);
}

void compact_hastily(const fs::path& state) {
  write_copy(state / "data.mdb", state / "copy");
  if (::unlink((state / "data.mdb").c_str()) != 0) std::abort();
  if (::rename((state / "copy").c_str(), (state / "data.mdb").c_str()) != 0) std::abort();
}

void copy_plainly(const fs::path& state, const fs::path& target) {
  for (const auto& one : fs::recursive_directory_iterator(state)) {
    const fs::path to = target / fs::relative(one.path(), state);
    fs::create_directories(to.parent_path());
    if (one.is_regular_file()) write_copy(one.path(), to);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const std::string mode = argv[3];
  pawl::test::kill_at = std::atol(argv[4]);
  try {
    if (mode == "compact") static_cast<void>(pawl::compact(argv[1]));
    else if (mode == "repair") return pawl::verify(argv[1], {.repair = true}).whole() ? 0 : 1;
    else if (mode == "backup") static_cast<void>(pawl::backup(argv[1], argv[2]));
    else if (mode == "hasty") compact_hastily(argv[1]);
    else copy_plainly(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "maintain_child: %s\n", failure.what());
    return 3;
  }
}
