// Feeds bytes to everything that reads bytes from a disk: the text of a schema,
// values under their own schema, under an older one, and as JSON.
//
// The first byte says what the rest is; a schema ends at the first zero byte.
#include "fuzz.hpp"

#include <pawl/codec.hpp>
#include <pawl/error.hpp>

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

}  // namespace

void pawl::fuzz::feed(std::span<const std::byte> input) {
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

std::vector<std::vector<std::byte>> pawl::fuzz::seeds() {
  std::vector<std::byte> value{std::byte{0}};
  const auto bytes = pawl::encode(record{"t", {{1, 2}}, {}, {{"k", {true}}}, {{1, color::green}}, {}, {record{}}});
  value.insert(value.end(), bytes.begin(), bytes.end());
  std::vector<std::vector<std::byte>> all{value};
  for (const char kind : {'\1', '\2'}) {
    std::string text(1, kind);
    text.append(pawl::schema_of<record>().canonical()).push_back('\0');
    auto one = bytes_of(text);
    one.insert(one.end(), bytes.begin(), bytes.end());
    all.push_back(one);
  }
  return all;
}
