// Files of large values, on a disk whose power is cut and whose flushes fail.
#include "lmdb/blobs.hpp"

#include "record/checkpoint.hpp"
#include "support/catch.hpp"
#include "support/memory_files.hpp"
#include "support/small_states.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;
using Catch::Matchers::Contains;

namespace {

const std::filesystem::path directory = "blobs";

std::vector<std::byte> value_of(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 31 + i / 4096);
  return bytes;
}

std::vector<std::byte> read_from(memory_files& files, const large_object& named) {
  std::vector<std::byte> bytes;
  blob_store(directory, 0, files).read({named.epoch, named.number}, named.size, named.crc, bytes);
  return bytes;
}

// Stores values and makes them durable, as commits do, until the machine stops at this operation. Those that a commit then
// may name.
std::vector<large_object> live(memory_files& files, std::uint64_t stops_at) {
  std::vector<large_object> durable;
  blob_store blobs(directory, 1, files);
  files.crash_at(stops_at);
  try {
    for (std::size_t commit = 0; commit < 8; ++commit) {
      std::vector<large_object> stored;
      std::vector<blob_name> names;
      for (std::size_t i = 0; i <= commit % 3; ++i) {
        stored.push_back(blobs.store(7, value_of(commit * 5000 + i)));
        names.push_back({stored.back().epoch, stored.back().number});
      }
      blobs.make_durable(names);
      durable.insert(durable.end(), stored.begin(), stored.end());
    }
  } catch (const simulated_crash&) {
  }
  return durable;
}

// Power cuts at each operation, with chance's ways to leave what was not flushed. How many lost what they must not.
struct power_cuts {
  int states = 0;
  int bad = 0;
};
power_cuts cut_everywhere(bool sync_lies, bool sync_directory_lies) {
  std::mt19937_64 random(7);
  power_cuts made;
  for (std::uint64_t stops_at = 1;; ++stops_at) {
    memory_files files;
    files.sync_lies = sync_lies;
    files.sync_directory_lies = sync_directory_lies;
    const auto durable = live(files, stops_at);
    if (files.operations() < stops_at) return made;
    for (int chance = 0; chance < 12; ++chance) {
      const auto left = files.after_power_cut(random);
      ++made.states;
      const bool whole = std::all_of(durable.begin(), durable.end(), [&](const large_object& one) {
        std::vector<std::byte> read;
        return code_of([&] { read = read_from(*left, one); }) == errc{} && read == value_of(one.size);
      });
      if (!whole) ++made.bad;
    }
  }
}

}  // namespace

TEST_CASE("the power is cut at every operation of storing large values: those that were made durable are whole") {
  const power_cuts made = cut_everywhere(false, false);
  std::printf("large values: %d crash states, %d bad\n", made.states, made.bad);
  CHECK(made.states > 300);
  CHECK(made.bad == 0);
  CHECK(cut_everywhere(true, false).bad > 0);
  CHECK(cut_everywhere(false, true).bad > 0);
}

TEST_CASE("a large value of any size is read as it was stored, from a file of whole blocks") {
  memory_files files;
  blob_store blobs(directory, 1, files);
  for (const std::size_t size : {0u, 1u, 4096u, 300'000u, 2u << 20, (2u << 20) + 1, 5'000'000u}) {
    CAPTURE(size);
    const large_object named = blobs.store(7, value_of(size));
    CHECK(named.size == size);
    CHECK(files.bytes_of(directory / file_name_of({named.epoch, named.number})).size() == (size + 4095) / 4096 * 4096);
    CHECK(read_from(files, named) == value_of(size));
  }
}

TEST_CASE("damage behind the end of a large value does no harm, a lost block does") {
  memory_files files;
  blob_store blobs(directory, 1, files);
  const large_object named = blobs.store(7, value_of(5000));
  static_cast<void>(blobs.make_all_durable());  // nobody flushes it any more while it is damaged here
  auto& bytes = files.bytes_of(directory / file_name_of({named.epoch, named.number}));
  bytes[5000] = std::byte{1};
  CHECK(read_from(files, named) == value_of(5000));
  bytes.resize(4096);
  CHECK(code_of([&] { static_cast<void>(read_from(files, named)); }) == errc::damaged);
}

TEST_CASE("large values outlive the loss of power once they were made durable") {
  std::mt19937_64 random(7);
  bool lost = false;  // of those that were not
  for (int round = 0; round < 50; ++round) {
    memory_files files;
    blob_store blobs(directory, 1, files);
    const large_object first = blobs.store(7, value_of(300'000));
    const large_object second = blobs.store(7, value_of(3'000'000));
    const blob_name names[] = {{first.epoch, first.number}};
    CHECK(blobs.make_durable(names) == 3);
    CHECK(blobs.make_all_durable() == 0);
    const large_object late = blobs.store(7, value_of(5000));
    const auto left = files.after_power_cut(random);
    CHECK(read_from(*left, first) == value_of(300'000));
    CHECK(read_from(*left, second) == value_of(3'000'000));
    if (code_of([&] { static_cast<void>(read_from(*left, late)); }) != errc{}) lost = true;
  }
  CHECK(lost);
}

TEST_CASE("threads that store and threads that commit: what was stored before is durable") {
  memory_files files;
  blob_store blobs(directory, 1, files);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 3; ++seed)
    threads.emplace_back([&, seed] {
      std::mt19937_64 random(seed);
      for (int i = 0; i < 100; ++i) {
        const auto named = blobs.store(7, value_of(5000));
        const blob_name names[] = {{named.epoch, named.number}};
        if (i % 3 == 0) blobs.discard(5, names);
        else if (blobs.make_durable(names); read_from(*files.after_power_cut(random), named) != value_of(5000)) ++wrong;
      }
    });
  for (auto& one : threads) one.join();
  CHECK(wrong == 0);
  blobs.remove_dropped(4);  // somebody still sees what was before the commit that did not come to name them
  CHECK(files.all_files().size() == 3 * 100);
  blobs.remove_dropped(5);
  CHECK(files.all_files().size() == 3 * 66);
}

TEST_CASE("a large value that does not fit leaves no file, and the next one may") {
  memory_files files;
  blob_store blobs(directory, 1, files);
  bool full = true;
  files.before = [&](memory_files::operation what, const std::filesystem::path& path) {
    if (full && what == memory_files::operation::write) throw_file_error(ENOSPC, "write", path);
  };
  CHECK(code_of([&] { static_cast<void>(blobs.store(7, value_of(300'000))); }) == errc::disk_full);
  CHECK(files.all_files().empty());
  CHECK(blobs.make_all_durable() == 0);
  full = false;
  CHECK(read_from(files, blobs.store(7, value_of(300'000))) == value_of(300'000));
}

TEST_CASE("after a flush has failed, of a file or of the directory, nothing is flushed again") {
  const auto failing = GENERATE(memory_files::operation::sync, memory_files::operation::sync_directory);
  memory_files files;
  blob_store blobs(directory, 1, files);
  bool fails = true;
  int flushes = 0;
  files.before = [&](memory_files::operation what, const std::filesystem::path& path) {
    if (what != failing) return;
    ++flushes;
    if (fails) throw_file_error(EIO, "flush", path);
  };
  const large_object named = blobs.store(7, value_of(300'000));
  const blob_name names[] = {{named.epoch, named.number}};
  CHECK(code_of([&] { blobs.make_durable(names); }) == errc::io);
  fails = false;
  std::string sentence;
  CHECK(code_of([&] { blobs.make_durable(names); }, &sentence) == errc::stopped);
  CHECK_THAT(sentence, Contains("open it again"));
  CHECK(flushes == 1);
}

TEST_CASE("however many large values were stored before a commit, all are durable behind it") {
  std::mt19937_64 random(7);
  memory_files files;
  blob_store blobs(directory, 1, files);
  std::vector<large_object> stored;
  for (int i = 0; i < 100; ++i) stored.push_back(blobs.store(7, value_of(5000)));
  CHECK(blobs.make_all_durable() == 101);
  stored.push_back(blobs.store_flushed(7, value_of(6000)));
  CHECK(blobs.make_all_durable() == 2);
  const auto left = files.after_power_cut(random);
  for (const large_object& one : stored) CHECK(read_from(*left, one) == value_of(one.size));
}
