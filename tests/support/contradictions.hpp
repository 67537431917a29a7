// Whether what a state says of its items agrees with itself: rows, index, counters, values and files. Nobody may have the
// state open for writing.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace pawl::test {

// A sentence each; empty where all is well. `at_rest`: the state was closed, so no file may lie there that nobody names.
[[nodiscard]] std::vector<std::string> contradictions(const std::filesystem::path& state, bool at_rest);

// How many entries the sub-databases items, index, chunks and files have, "items 3, index 3, chunks 0, files 0".
[[nodiscard]] std::string entries_of(const std::filesystem::path& state);

}  // namespace pawl::test
