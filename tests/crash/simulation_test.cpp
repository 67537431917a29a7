// workflows/simulation, killed at random moments: the bits of its final fields are those of an undisturbed run.
#include "slots/format.hpp"
#include "store/crc32c.hpp"
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pawl::test::asked_for;
using pawl::test::asked_seed;
using pawl::test::temp_dir;

namespace {

// Small enough for sanitizers; a checkpoint every few milliseconds.
const std::vector<std::string> options{"--size", "96", "--rounds", "4000", "--runs", "3", "--mtbf", "0.02"};

struct ending {
  bool killed = false;
  int code = 0;
  std::string told;  // both outputs
};

// Runs it; kills it after `lives` unless that is 0.
ending simulate(const std::filesystem::path& dir, std::chrono::microseconds lives) {
  std::vector<std::string> words{PAWL_TEST_BUILD_DIR "/workflows/simulation"};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"--state", (dir / "state").string(), "--out", (dir / "out").string()});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::string told = dir / "told";
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const int out = ::open(told.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  if (lives != 0us) {
    std::this_thread::sleep_for(lives);
    ::kill(child, SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  std::ifstream in(told);
  std::stringstream text;
  text << in.rdbuf();
  return {WIFSIGNALED(status) != 0, WIFEXITED(status) ? WEXITSTATUS(status) : -1, text.str()};
}

std::string digest_in(const std::string& told) {
  const auto at = told.rfind("digest ");
  return at == std::string::npos ? "none" : told.substr(at + 7, 16);
}

std::string undisturbed_digest() {
  static const std::string digest = [] {
    const temp_dir dir;
    const ending end = simulate(dir.path(), 0us);
    INFO(end.told);
    REQUIRE(end.code == 0);
    return digest_in(end.told);
  }();
  return digest;
}

// Changes one temperature of every checkpoint in `slots`, and makes the checksums match: what an engine would leave that wrote
// another state than the one it was given. Returns how many.
int falsify(const std::filesystem::path& slots) {
  if (!std::filesystem::exists(slots)) return 0;
  int count = 0;
  for (const auto& one : std::filesystem::directory_iterator(slots)) {
    std::vector<std::byte> bytes(std::filesystem::file_size(one.path()));
    std::ifstream(one.path(), std::ios::binary)
        .read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    auto header = pawl::core::header_of(bytes);
    if (!header || bytes.size() < pawl::core::slot_payload_at + header->size) continue;
    const auto state = std::span(bytes).subspan(pawl::core::slot_payload_at, static_cast<std::size_t>(header->size));
    if (pawl::core::crc32c(state) != header->payload_crc) continue;  // torn: it was being written
    state[state.size() - (96 / 2 * 96 + 96 / 2) * sizeof(double) + 6] ^= std::byte{0x20};  // of the exponent
    header->payload_crc = pawl::core::crc32c(state);
    pawl::core::seal(*header);
    std::memcpy(bytes.data(), &*header, sizeof *header);
    std::ofstream(one.path(), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("killed at random moments, the simulation ends with the same bits as if it had not been") {
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const std::string wanted = undisturbed_digest();
  int kills = 0;
  int resumed = 0;
  const int kills_in_all = asked_for("PAWL_TEST_KILLS", 20);
  while (kills < kills_in_all) {
    const temp_dir dir;
    for (;;) {
      const ending end = simulate(dir.path(), kills < kills_in_all ? std::chrono::microseconds(random() % 400'000 + 1) : 0us);
      INFO(end.told);
      if (end.told.find("event=loop_resumed") != std::string::npos) ++resumed;
      CHECK(end.told.find("started over") == std::string::npos);
      if (end.killed) {
        ++kills;
        continue;
      }
      REQUIRE(end.code == 0);
      CHECK(digest_in(end.told) == wanted);
      break;
    }
    for (const char* name : {"run-0.png", "run-1.png", "run-2.png"}) CHECK(std::filesystem::exists(dir / "out" / name));
    // Nothing is left that nobody needs.
    CHECK((!std::filesystem::exists(dir / "state" / "slots") || std::filesystem::is_empty(dir / "state" / "slots")));
  }
  std::cout << kills << " kills, " << resumed << " times a loop went on from a checkpoint\n";
  CHECK(resumed > 0);
}

TEST_CASE("an engine that checkpointed another state than the loop's would be found out") {
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const std::string wanted = undisturbed_digest();
  for (int round = 0; round < 200; ++round) {
    const temp_dir dir;
    if (!simulate(dir.path(), std::chrono::microseconds(random() % 400'000 + 20'000)).killed) continue;
    if (falsify(dir / "state" / "slots") == 0) continue;
    const ending end = simulate(dir.path(), 0us);
    REQUIRE(end.code == 0);
    if (end.told.find("event=loop_resumed") == std::string::npos) continue;  // what was falsified belonged to a loop that had ended
    CHECK(digest_in(end.told) != wanted);
    return;
  }
  FAIL("no loop was ever killed behind a checkpoint");
}
