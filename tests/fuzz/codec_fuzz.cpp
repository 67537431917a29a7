// Feeds bytes to everything that reads bytes from a disk: the text of a schema,
// values under their own schema, under an older one, and as JSON.
//
// With libFuzzer: clang++ -std=c++20 -g -fsanitize=fuzzer,address,undefined -DPAWL_LIBFUZZER
//                 -Iinclude -Iengine tests/fuzz/codec_fuzz.cpp engine/schema/*.cpp -o codec_fuzz
// Without, it is a program that runs over the files named on its command line (no file: one built-in input).
//
// The first byte says what the rest is; a schema ends at the first zero byte.
#include <pawl/codec.hpp>
#include <pawl/error.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

enum class color : std::uint8_t { red, green };
struct point {
  float x = 0, y = 0;
};
struct record {
  std::string title;
  std::vector<point> outline;
  std::optional<std::variant<std::monostate, std::int32_t, std::string>> any;
  std::map<std::string, std::vector<bool>> index;
  std::unordered_map<std::uint8_t, color> shades;
  std::chrono::system_clock::time_point when;
  std::vector<record> below;
};

void must(bool holds) {
  if (!holds) std::abort();
}

// Runs `f`, which may only fail with one of these codes.
template <class F>
bool expect(F f, std::initializer_list<pawl::errc> codes) {
  try {
    f();
    return true;
  } catch (const pawl::error& e) {
    bool known = false;
    for (const pawl::errc code : codes) known = known || e.code() == code;
    must(known);
    return false;
  }
}

void feed(std::span<const std::byte> input) {
  if (input.empty()) return;
  const auto kind = std::to_integer<unsigned>(input[0]) % 3;
  input = input.subspan(1);
  if (kind == 0) {
    std::vector<std::byte> again;
    const bool value = expect([&] { again = pawl::encode(pawl::decode<record>(input)); }, {pawl::errc::codec_failed});
    if (value) must(pawl::encode(pawl::decode<record>(again)) == again);
    const bool json = expect([&] { (void)pawl::schema_of<record>().to_json(input); }, {pawl::errc::codec_failed});
    if (value) must(json);
    return;
  }
  const std::string_view all(reinterpret_cast<const char*>(input.data()), input.size());
  const std::string_view text = all.substr(0, all.find('\0'));
  const auto bytes = input.subspan(std::min(input.size(), text.size() + 1));
  expect(
      [&] {
        const pawl::schema stored = pawl::schema::parse(text);
        must(stored.canonical() == text && stored.hash() != 0);
        if (kind == 1)
          (void)stored.to_json(bytes, 1 << 20);
        else
          (void)pawl::decode<record>(bytes, stored);
      },
      {pawl::errc::damaged, pawl::errc::codec_failed, pawl::errc::schema_mismatch, pawl::errc::too_large});
}

}  // namespace

#if defined(PAWL_LIBFUZZER)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  feed(std::as_bytes(std::span(data, size)));
  return 0;
}

#else

int main(int argc, char** argv) {
  if (argc < 2) {
    std::vector<std::byte> input{std::byte{0}};
    const auto bytes = pawl::encode(record{"t", {{1, 2}}, {}, {{"k", {true}}}, {{1, color::green}}, {}, {record{}}});
    input.insert(input.end(), bytes.begin(), bytes.end());
    feed(input);
  }
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    const std::vector<char> all{std::istreambuf_iterator<char>(file), {}};
    feed(std::as_bytes(std::span(all)));
  }
  std::printf("%d inputs\n", argc < 2 ? 1 : argc - 1);
  return 0;
}

#endif
