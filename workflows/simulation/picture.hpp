// A field of numbers as a PNG file, in colours from cold (blue) over zero (white)
// to hot (red).
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace picture {

// Writes `values`, row by row, to `path`, whole or not at all. The greatest absolute value gets the full colour.
// Throws std::runtime_error with the path and the cause.
void write_png(const std::filesystem::path& path, std::span<const double> values, std::size_t width);

}  // namespace picture
