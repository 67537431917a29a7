// What may be chosen about a journal.
#pragma once

#include <pawl/options.hpp>

#include <cstddef>
#include <cstdint>

namespace pawl::core {

struct journal_options {
  pawl::durability durability = durability::power;
  std::uint64_t size_max = std::uint64_t{256} << 20;     // of all segments; above it appending waits for room
  std::uint64_t segment_size_first = std::uint64_t{4} << 20;
  std::uint64_t segment_size_max = std::uint64_t{8} << 20;
  std::size_t mapped_append_max = 4096;  // `process`: frames up to this are stored into mapped memory; 0: none
  // Segments are kept in memory until they are applied, as long as this many bytes go round; others are read back.
  std::uint64_t memory_max = std::uint64_t{88} << 20;
};

}  // namespace pawl::core
