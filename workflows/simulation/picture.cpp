#include "picture.hpp"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace picture {
namespace {

std::string big_endian(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xff);
  return bytes;
}

const Bytef* bytes_of(std::string_view text) { return reinterpret_cast<const Bytef*>(text.data()); }

// A chunk of PNG: its length, its name, what is in it, and the CRC of the last two.
std::string chunk(std::string_view name, const std::string& content) {
  const std::string body = std::string(name) + content;
  const uLong crc = ::crc32(0, bytes_of(body), static_cast<uInt>(body.size()));
  return big_endian(static_cast<std::uint32_t>(content.size())) + body + big_endian(static_cast<std::uint32_t>(crc));
}

// -1 is blue, 0 white, 1 red.
void add_colour(std::string& to, double heat) {
  const auto part = [](double share) { return static_cast<char>(std::lround(255 * std::clamp(share, 0.0, 1.0))); };
  to += part(heat < 0 ? 1 + heat : 1 - 0.35 * heat * heat);
  to += part(1 - std::pow(std::abs(heat), 0.8));
  to += part(heat > 0 ? 1 - heat : 1 - 0.35 * heat * heat);
}

std::string compressed(const std::string& bytes) {
  uLongf size = ::compressBound(static_cast<uLong>(bytes.size()));
  std::string made(size, '\0');
  if (::compress2(reinterpret_cast<Bytef*>(made.data()), &size, bytes_of(bytes), static_cast<uLong>(bytes.size()), 6) != Z_OK)
    throw std::runtime_error("a picture cannot be compressed: memory is out");
  made.resize(size);
  return made;
}

}  // namespace

void write_png(const std::filesystem::path& path, std::span<const double> values, std::size_t width) {
  double greatest = 0;
  for (const double value : values) greatest = std::max(greatest, std::abs(value));
  const double scale = greatest > 0 ? 1 / greatest : 0;
  std::string rows;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % width == 0) rows += '\0';  // each row begins with its filter: none
    add_colour(rows, values[i] * scale);
  }
  const auto height = static_cast<std::uint32_t>(values.size() / width);
  std::string header = big_endian(static_cast<std::uint32_t>(width)) + big_endian(height);
  header += std::string{'\x08', '\x02', '\0', '\0', '\0'};  // 8 bits, RGB, no interlacing

  const std::filesystem::path fresh = path.string() + ".new";
  std::ofstream out(fresh, std::ios::binary);
  out << "\x89PNG\r\n\x1a\n" << chunk("IHDR", header) << chunk("IDAT", compressed(rows)) << chunk("IEND", "");
  out.close();
  if (!out) throw std::runtime_error("the picture " + path.string() + " cannot be written; is there room for it?");
  std::filesystem::rename(fresh, path);
}

}  // namespace picture
