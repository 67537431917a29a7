// CRC32C (Castagnoli, polynomial 0x1EDC6F41 reflected), the checksum of every
// stored record. Values stand on disk: it never changes.
//
// The processor's instruction where there is one (SSE4.2, ARMv8), else a table;
// chosen at run time, both give the same (crc32c_test).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pawl::core {

// The checksum of `bytes`; with `so_far`, of what was summed before followed by `bytes`.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t so_far = 0) noexcept;

// The two ways, for tests. Call the hardware one only where it is available.
[[nodiscard]] std::uint32_t crc32c_by_table(std::span<const std::byte> bytes, std::uint32_t so_far = 0) noexcept;
[[nodiscard]] std::uint32_t crc32c_by_hardware(std::span<const std::byte> bytes, std::uint32_t so_far = 0) noexcept;
[[nodiscard]] bool crc32c_has_hardware() noexcept;

}  // namespace pawl::core
