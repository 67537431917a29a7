// The journal, told what to keep and asked for it again; and its files damaged.
#include "journal/journal.hpp"

#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/journal_machine.hpp"
#include "support/memory_files.hpp"

#include <pawl/error.hpp>

#include <atomic>
#include <cstring>
#include <set>
#include <thread>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;
using Catch::Contains;

namespace {

const std::filesystem::path place = "/state/journal";

struct small_journal {
  memory_files files;
  state_uuid uuid{std::byte{7}};
  journal_options options{.size_max = 256 << 10, .segment_size_first = 32 << 10, .segment_size_max = 64 << 10};
  std::uint64_t epoch = 0;

  small_journal() { journal::make(files, place, uuid); }
  [[nodiscard]] found_log find(lsn applied, bool to_write = false) {
    return find_log(files, place, journal_salt(uuid), applied, applied, to_write);
  }
  [[nodiscard]] std::unique_ptr<journal> open(lsn applied = 0) {
    return std::make_unique<journal>(files, place, uuid, ++epoch, find(applied, true), options);
  }
};

std::vector<std::byte> record(std::uint8_t letter, std::size_t size) { return std::vector<std::byte>(size, std::byte{letter}); }

void append(journal& log, std::uint8_t letter, std::size_t size = 80) {
  const auto bytes = record(letter, size);
  const std::span<const std::byte> group(bytes);
  log.append({&group, 1});
}

std::string read_all(journal& log) {
  std::string letters;
  log_batch batch;
  while (log.read(batch, 1 << 20))
    for (const auto group : batch.groups)
      for (std::size_t at = 0; at < group.size(); at += 80) letters += static_cast<char>(group[at]);
  return letters;
}

}  // namespace

TEST_CASE("what is appended is read back in order, once") {
  small_journal small;
  const auto log = small.open();
  append(*log, 'a');
  append(*log, 'b');
  CHECK(log->recorded() == 160);
  CHECK(log->durable() == 160);
  CHECK(read_all(*log) == "ab");
  CHECK(read_all(*log).empty());
  append(*log, 'c');
  CHECK(read_all(*log) == "c");
}

TEST_CASE("a later opening reads what is not applied, and only that") {
  small_journal small;
  {
    const auto log = small.open();
    for (const char letter : std::string("abcdef")) append(*log, static_cast<std::uint8_t>(letter));
  }
  CHECK(read_all(*small.open(240)) == "def");
  CHECK(read_all(*small.open(0)) == "abcdef");
  CHECK(read_all(*small.open(480)).empty());
}

TEST_CASE("a group is flushed once, and groups handed in together are one frame") {
  small_journal small;
  const auto log = small.open();
  append(*log, 'a');
  const std::uint64_t before = log->flushes();
  const auto a = record('b', 80);
  const auto b = record('c', 160);
  const std::span<const std::byte> groups[] = {a, b};
  log->append(groups);
  CHECK(log->flushes() == before + 1);
  log_batch batch;
  REQUIRE(log->read(batch, 1 << 20));
  CHECK(batch.groups.size() == 2);
}

TEST_CASE("in process durability nothing waits for the disk, and flush() makes all of it durable") {
  small_journal small;
  small.options.durability = durability::process;
  const auto log = small.open();
  append(*log, 'a');
  append(*log, 'b');
  CHECK(log->recorded() == 160);
  CHECK(log->durable() == 0);
  CHECK(read_all(*log).empty());  // LMDB must never be ahead of the disk
  log->flush();
  CHECK(log->durable() == 160);
  CHECK(read_all(*log) == "ab");
}

TEST_CASE("a full journal makes appending wait until what is applied is released") {
  small_journal small;
  const auto log = small.open();
  std::atomic<int> appended{0};
  std::thread writer([&] {
    for (int i = 0; i < 40; ++i) {
      append(*log, 'x', 16'000);
      ++appended;
    }
  });
  lsn before = 0;
  log_batch batch;
  std::uint64_t most = 0;
  while (appended < 40) {
    if (!log->needs().room) {
      std::this_thread::yield();
      continue;
    }
    most = std::max<std::uint64_t>(most, log->recorded() - before);
    const bool any = log->read(batch, 64 << 10);
    log->release(before);
    if (any) before = batch.end;
    else log->release(before);
  }
  writer.join();
  CHECK(most <= (256 << 10));
  std::uint64_t size = 0;
  for (const auto& file : small.files.all_files()) size += small.files.bytes_of(file).size();
  CHECK(size <= (256 << 10) + journal_block_size);
}

TEST_CASE("appending gives up when nobody applies any more") {
  small_journal small;
  const auto log = small.open();
  log->give_up_room(std::make_exception_ptr(error(errc::disk_full, "LMDB has no room")));
  errc met{};
  for (int i = 0; i < 40 && met == errc{}; ++i) {
    try {
      append(*log, 'x', 16'000);
    } catch (const error& failure) {
      met = failure.code();
    }
  }
  CHECK(met == errc::disk_full);
}

// While a segment is being made: at its creation, in the middle of its bytes, at its flush.
TEST_CASE("a disk that is full when the journal wants to grow makes appending wait for what is applied") {
  for (const auto full : {memory_files::operation::create, memory_files::operation::write, memory_files::operation::sync}) {
    CAPTURE(static_cast<int>(full));
    small_journal small;
    auto log = small.open();
    append(*log, 'a');  // the first segment is there, made under the name new-1
    std::atomic<int> refused{0};
    small.files.before = [&](memory_files::operation what, const std::filesystem::path& path) {
      if (what != full || path.filename() == "new-1" || path.filename().string().rfind("new-", 0) != 0) return;
      ++refused;
      throw_file_error(ENOSPC, "write", path);
    };
    // One segment of 32 KiB: it goes round as what lies in it is released.
    std::atomic<bool> through{false};
    std::thread writer([&] {
      for (int i = 0; i < 12; ++i) append(*log, static_cast<std::uint8_t>('b' + i), 8'000);
      through = true;
    });
    std::string letters;
    lsn before = 0;
    log_batch batch;
    while (!through) {
      if (!log->needs().room) {
        std::this_thread::yield();
        continue;
      }
      const bool any = log->read(batch, 1 << 20);
      for (const auto group : batch.groups) letters += static_cast<char>(group[0]);
      log->release(before);
      if (any) before = batch.end;
      else log->release(before);
    }
    writer.join();
    CHECK(refused > 0);
    while (log->read(batch, 1 << 20))
      for (const auto group : batch.groups) letters += static_cast<char>(group[0]);
    CHECK(letters == "abcdefghijklm");

    // Nobody makes room: it is told, and nothing that was acknowledged is lost.
    log->give_up_room(std::make_exception_ptr(error(errc::disk_full, "LMDB has no room")));
    const lsn released = before;
    errc met{};
    std::string acknowledged;
    for (int i = 0; i < 12 && met == errc{}; ++i) {
      try {
        append(*log, static_cast<std::uint8_t>('A' + i), 8'000);
        acknowledged += static_cast<char>('A' + i);
      } catch (const error& failure) {
        met = failure.code();
      }
    }
    CHECK(met == errc::disk_full);
    log.reset();
    small.files.before = nullptr;
    const auto again = small.open(released);
    std::string found;
    while (again->read(batch, 1 << 20))
      for (const auto group : batch.groups) found += static_cast<char>(group[0]);
    CHECK_THAT(found, Catch::EndsWith(acknowledged));
  }
}

TEST_CASE("whoever gives up making room while a segment is made in vain is not waited for") {
  small_journal small;
  auto log = small.open();
  append(*log, 'a');
  small.files.before = [&](memory_files::operation what, const std::filesystem::path& path) {
    if (what != memory_files::operation::write || path.filename() == "new-1" ||
        path.filename().string().rfind("new-", 0) != 0)
      return;
    log->give_up_room(std::make_exception_ptr(error(errc::disk_full, "LMDB has no room")));
    throw_file_error(ENOSPC, "write", path);
  };
  errc met{};
  for (int i = 0; i < 12 && met == errc{}; ++i) {
    try {
      append(*log, 'b', 8'000);
    } catch (const error& failure) {
      met = failure.code();
    }
  }
  CHECK(met == errc::disk_full);
}

TEST_CASE("a journal that has failed asks for nothing that would be of use to appending alone") {
  small_journal small;
  auto log = small.open();
  append(*log, 'a');
  small.files.before = [](memory_files::operation what, const std::filesystem::path& path) {
    if (what == memory_files::operation::sync) throw_file_error(EIO, "flush", path);
  };
  // More than half of the segment: another one is wanted.
  CHECK_THROWS_AS(append(*log, 'b', 20'000), error);
  small.files.before = nullptr;
  CHECK_FALSE(log->needs().segment);
  CHECK_FALSE(log->needs().room);
}

TEST_CASE("a flush that fails ends the journal: nothing is taken any more, and what was acknowledged is found") {
  small_journal small;
  auto log = small.open();
  append(*log, 'a');
  small.files.before = [](memory_files::operation what, const std::filesystem::path& path) {
    if (what == memory_files::operation::sync) throw_file_error(EIO, "flush", path);
  };
  const auto code_of = [&] {
    try {
      append(*log, 'b');
    } catch (const error& failure) {
      return failure.code();
    }
    return errc{};
  };
  CHECK(code_of() == errc::io);
  small.files.before = nullptr;
  CHECK(code_of() == errc::stopped);
  log.reset();
  CHECK_THAT(read_all(*small.open()), Catch::StartsWith("a"));
}

TEST_CASE("any damage to a journal that was flushed is named, or harmless; it never gives other records") {
  // Each bit flip, zeroed or swapped block, and truncation in each file of a journal whose every record is known to be on
  // the disk (a later frame and the control page say so).
  const std::uint64_t seed = asked_seed();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  int named = 0;
  int harmless = 0;
  for (int round = 0; round < 3000; ++round) {
    small_journal small;
    std::string expected;
    lsn applied = 0;
    {
      const auto log = small.open();
      const auto count = random() % 35 + 2;  // fits: nobody applies here
      for (std::uint64_t i = 0; i < count; ++i) {
        const auto letter = static_cast<char>('a' + random() % 26);
        const std::size_t size = 80 * (random() % 30 + 1);
        append(*log, static_cast<std::uint8_t>(letter), size);
        expected += std::string(size / 80, letter);
        if (random() % 4 == 0) applied = log->durable();
      }
    }
    const auto files = small.files.all_files();
    const auto& path = files[random() % files.size()];
    auto& bytes = small.files.bytes_of(path);
    const std::size_t used = std::min<std::size_t>(bytes.size(), 60'000);
    switch (random() % 4) {
      case 0: bytes[random() % used] ^= std::byte{1} << (random() % 8); break;
      case 1: bytes.resize(random() % used); break;
      case 2: {
        const std::size_t at = random() % used / 512 * 512;
        std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.begin() + static_cast<std::ptrdiff_t>(std::min(at + 512, bytes.size())), std::byte{0});
        break;
      }
      default: {
        const std::size_t blocks = bytes.size() / journal_block_size;
        const std::size_t a = random() % blocks * journal_block_size;
        const std::size_t b = random() % blocks * journal_block_size;
        std::swap_ranges(bytes.begin() + static_cast<std::ptrdiff_t>(a), bytes.begin() + static_cast<std::ptrdiff_t>(a + journal_block_size),
                         bytes.begin() + static_cast<std::ptrdiff_t>(b));
      }
    }
    CAPTURE(round, path.string(), applied, expected.size());
    try {
      const auto log = small.open(applied);
      REQUIRE(read_all(*log) == expected.substr(applied / 80));
      ++harmless;
    } catch (const error& failure) {
      REQUIRE((failure.code() == errc::damaged || failure.code() == errc::newer_format));
      REQUIRE_THAT(failure.what(), Contains("/state/journal"));
      ++named;
    }
  }
  CHECK(named > 100);
  CHECK(harmless > 100);
}

TEST_CASE("a torn tail that nobody was told of is dropped and counted") {
  small_journal small;
  {
    const auto log = small.open();
    append(*log, 'a');
    append(*log, 'b');
  }
  // As if the second append had been cut off by a power cut before its flush came back: no witness knows of it.
  auto& segment = small.files.bytes_of(place / "1");
  segment[2 * journal_block_size + sizeof(frame_header)] ^= std::byte{1};
  const journal_salt salt(small.uuid);
  const control_page page{control_magic, salt.begin(), small.uuid, {}, 80, 80, 80};
  std::memcpy(small.files.bytes_of(place / "control").data(), &page, sizeof page);
  const found_log found = small.find(0);
  CHECK(found.end == 80);
  CHECK(found.dropped_bytes == 80);
  CHECK_THAT(found.remark, Contains("80 bytes"));
  CHECK(read_all(*small.open()) == "a");
}

TEST_CASE("a journal of another state is no part of the log") {
  small_journal small;
  {
    const auto log = small.open();
    append(*log, 'a');
  }
  small.uuid[0] = std::byte{8};
  CHECK(small.find(0).end == 0);
}

TEST_CASE("what a forged journal says of itself costs neither memory nor time") {
  small_journal small;
  { const auto log = small.open(); }
  CHECK(small.find(~lsn{0}).end == ~lsn{0});
  const journal_salt salt(small.uuid);
  const auto forge = [&](lsn first, std::uint64_t size) {
    segment_header header{};
    header.format = journal_format;
    header.uuid = small.uuid;
    header.epoch = header.number = 1;
    header.first = first;
    salt.seal(header);
    std::vector<std::byte> payload(static_cast<std::size_t>(size));
    frame_header frame{};
    frame.first = first;
    frame.epoch = frame.segment = 1;
    frame.size = static_cast<std::uint32_t>(size);
    frame.payload_crc = salt.crc(payload);
    frame.link = header.crc;
    salt.seal(frame);
    auto& bytes = small.files.bytes_of(place / "1");
    bytes.assign(static_cast<std::size_t>(2 * journal_block_size + size), std::byte{0});
    std::memcpy(bytes.data(), &header, sizeof header);
    std::memcpy(bytes.data() + journal_block_size, &frame, sizeof frame);
  };
  small.files.create(place / "1");
  forge(0, 800);
  CHECK(small.find(0).end == 800);  // what is forged well is found
  forge(0, frame_payload_max + 8);
  CHECK(small.find(0).end == 0);
  forge(~lsn{0} - 8, 8);
  CHECK(small.find(~lsn{0} - 8).end == ~lsn{0} - 8);
}
