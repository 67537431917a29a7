// What was executing in a process: a flight record as it is read, by the next opening or from outside.
#pragma once

#include "flight/format.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pawl::core {

struct flight_record {
  flight_header header{};
  std::vector<flight_slot> calls;    // those under way
  std::vector<flight_slot> workers;  // all slots that are taken; `call` is odd where it is also among `calls`
};

// The numbers of the records in a directory, ascending. Nothing where there is no such directory.
[[nodiscard]] std::vector<std::uint64_t> flight_numbers(const std::filesystem::path& directory);
[[nodiscard]] std::filesystem::path flight_path(const std::filesystem::path& directory, std::uint64_t number);

// Reads a record of this state, also while its process works: each call is whole then. Changes nothing, waits for nothing.
// Nothing where it is none of this state's; `problem` says why, unless the file has gone. Throws pawl::error(io) where it
// cannot be had now.
[[nodiscard]] std::optional<flight_record> read_flight(const std::filesystem::path& directory, std::uint64_t number,
                                                       const hash_key& uuid, std::string& problem);

// Fills in the checksum.
void seal(flight_header& header) noexcept;

// "SIGSEGV at address 0x0", "SIGABRT", "a call of exit()".
[[nodiscard]] std::string text_of(const fatal_note& what);

}  // namespace pawl::core
