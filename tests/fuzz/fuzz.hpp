// What the fuzz targets share. Each defines
//
//   void feed(std::span<const std::byte> input);                    // aborts where something is wrong
//   std::vector<std::vector<std::byte>> seeds();                    // inputs that get far
//
// and is built in two ways. With libFuzzer (cmake -DPAWL_FUZZ=ON, by Clang; tests/torture.sh does it) it looks for
// inputs by itself. Else it is a program that is fed the seeds and the files and folders named on its command line, as
// the suite does with tests/fuzz/corpus/; `--write FOLDER` writes the seeds there.
#pragma once

#include <pawl/error.hpp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace pawl::fuzz {

void feed(std::span<const std::byte> input);
std::vector<std::vector<std::byte>> seeds();

inline void must(bool holds) {
  if (!holds) std::abort();
}

// Runs `f`, which may only fail with one of these codes. True where it did not.
template <class F>
bool expect(F f, std::initializer_list<errc> codes) {
  try {
    f();
    return true;
  } catch (const error& failure) {
    bool known = false;
    for (const errc code : codes) known = known || failure.code() == code;
    if (!known) std::fprintf(stderr, "not among what may be said: %s\n", failure.what());
    must(known);
    return false;
  }
}

// Takes an input apart, front to back; behind its end everything is zero.
class input_reader {
public:
  explicit input_reader(std::span<const std::byte> bytes) : left_(bytes) {}
  template <class T>
  T take() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    const std::size_t size = left_.size() < sizeof value ? left_.size() : sizeof value;
    if (size != 0) std::memcpy(&value, left_.data(), size);
    left_ = left_.subspan(size);
    return value;
  }
  std::span<const std::byte> bytes(std::size_t size) {
    const auto taken = left_.first(size < left_.size() ? size : left_.size());
    left_ = left_.subspan(taken.size());
    return taken;
  }
  [[nodiscard]] std::span<const std::byte> rest() const { return left_; }
  [[nodiscard]] bool empty() const { return left_.empty(); }

private:
  std::span<const std::byte> left_;
};

inline std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

}  // namespace pawl::fuzz

#if defined(PAWL_LIBFUZZER)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pawl::fuzz::feed(std::as_bytes(std::span(data, size)));
  return 0;
}

#else

namespace pawl::fuzz {

inline std::size_t feed_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> all{std::istreambuf_iterator<char>(file), {}};
  feed(std::as_bytes(std::span(all)));
  return 1;
}

inline std::size_t feed_all(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return feed_file(path);
  std::size_t count = 0;
  for (const auto& one : std::filesystem::directory_iterator(path)) count += feed_file(one.path());
  return count;
}

inline std::size_t write_seeds(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  std::size_t count = 0;
  for (const auto& seed : seeds()) {
    std::ofstream out(folder / ("seed-" + std::to_string(++count)), std::ios::binary);
    out.write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
  }
  return count;
}

}  // namespace pawl::fuzz

int main(int argc, char** argv) {
  using namespace pawl::fuzz;
  if (argc == 3 && std::string_view(argv[1]) == "--write") {
    std::printf("%zu seeds written\n", write_seeds(argv[2]));
    return 0;
  }
  std::size_t count = 0;
  for (const auto& seed : seeds()) {
    feed(seed);
    ++count;
  }
  for (int i = 1; i < argc; ++i) count += feed_all(argv[i]);
  std::printf("%zu inputs\n", count);
  return 0;
}

#endif
