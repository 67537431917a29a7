// What this disk takes to make one block durable: the floor of a step that has to
// wait for the disk alone.
//
//   build/bench/flush --rounds 2000
//
// A file is written over with zeros and synced; then one block of 4 KiB after the
// other is written over and made durable with fdatasync. Prints one JSON object.
#include "support/engine_options.hpp"
#include "support/fresh_directory.hpp"
#include "support/plain_file.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <vector>

namespace {

constexpr std::uint64_t file_size = std::uint64_t{16} << 20;

// The times of all rounds in microseconds, shortest first.
std::vector<double> measure(bench::plain_file& file, std::size_t rounds, std::size_t bytes) {
  using clock = std::chrono::steady_clock;
  const std::vector<std::byte> block(bytes, std::byte{'b'});
  std::vector<double> times;
  std::uint64_t at = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    const auto began = clock::now();
    file.write_at(at, block);
    file.sync();
    times.push_back(std::chrono::duration<double, std::micro>(clock::now() - began).count());
    at = at + 2 * bytes > file_size ? 0 : at + bytes;
  }
  std::sort(times.begin(), times.end());
  return times;
}

double quantile(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"How long it takes to write over one block and have it on the disk"};
  std::size_t rounds = 2000;
  std::size_t bytes = 4096;
  std::filesystem::path parent = ".";
  app.add_option("--rounds", rounds, "How often")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--bytes", bytes, "Size of a block")
      ->check(CLI::Range(std::uint64_t{1}, file_size))
      ->capture_default_str();
  bench::add_directory_option(app, parent);
  CLI11_PARSE(app, argc, argv);

  const bench::fresh_directory directory(parent);
  bench::plain_file file(directory.path() / "blocks", file_size);
  const std::vector<double> times = measure(file, rounds, bytes);

  nlohmann::ordered_json json;
  json["rounds"] = rounds;
  json["bytes"] = bytes;
  json["median_us"] = quantile(times, 0.5);
  json["p10_us"] = quantile(times, 0.1);
  json["p99_us"] = quantile(times, 0.99);
  std::cout << json.dump() << '\n';
  return 0;
} catch (const std::exception& failure) {
  std::cerr << "flush: " << failure.what() << '\n';
  return 1;
}
