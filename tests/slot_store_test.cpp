// The slots of loops: what is written is found again, whatever stops the machine.
#include "slots/slot_store.hpp"

#include "slots/slot_writer.hpp"
#include "store/crc32c.hpp"
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/memory_files.hpp"

#include <pawl/codec.hpp>
#include <pawl/error.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;

namespace {

const std::filesystem::path directory = "/state/slots";
constexpr std::array<std::byte, 16> uuid{std::byte{1}, std::byte{2}};

loop_identity loop_named(char name) {
  loop_identity identity;
  identity.fill(name);
  return identity;
}

std::span<std::byte> small_buffer() {
  static std::vector<std::byte> memory(8192);
  return memory;
}

// A state that tells its round from every place in it.
std::vector<std::uint64_t> state_of(std::uint64_t round, std::size_t size) {
  std::vector<std::uint64_t> state(size);
  for (std::size_t i = 0; i < size; ++i) state[i] = round * 1'000'003 + i;
  return state;
}

slot_header header_at(std::uint64_t round, item_id item = 7) {
  slot_header what;
  what.round = round;
  what.item = item;
  what.workflow = 3;
  what.schema_hash = 11;
  return what;
}

void write_round(loop_slots& slots, std::uint64_t round, std::size_t size = 1000) {
  slots.write(header_at(round), small_buffer(),
              [&](encoder& out) { pawl::encode(state_of(round, size), out); });
}

// The round of the latest checkpoint, 0 where there is none; its state must be that round's.
std::uint64_t found_round(loop_slots& slots, std::size_t size = 1000, std::uint32_t version = 0,
                          std::uint64_t schema = 11) {
  std::vector<std::string> problems;
  const slot_header* found = slots.find(version, schema, small_buffer(), problems);
  if (found == nullptr) return 0;
  const std::uint64_t round = found->round;
  slots.read([&](decoder& in) {
    CHECK(decode<std::vector<std::uint64_t>>(in.take(in.remaining())) == state_of(round, size));
  });
  return round;
}

slot_store open_store(file_system& files, durability durable = durability::power) {
  std::vector<std::string> warnings;
  return slot_store(files, directory, uuid, durable, true, warnings);
}

}  // namespace

TEST_CASE("of the checkpoints of a loop the last two are there, in two files that are written in turn") {
  memory_files files;
  {
    slot_store store = open_store(files);
    loop_slots slots = store.claim(loop_named('a'));
    CHECK(found_round(slots) == 0);
    for (std::uint64_t round = 1; round <= 5; ++round) write_round(slots, round);
    CHECK(files.all_files().size() == 2);
    CHECK(found_round(slots) == 5);
  }
  slot_store store = open_store(files);
  CHECK(store.kept() == 2);
  loop_slots slots = store.claim(loop_named('a'));
  CHECK(found_round(slots) == 5);
  CHECK(store.kept() == 0);
}

TEST_CASE("a state is found only by the loop, the version and the schema that it was written for") {
  memory_files files;
  slot_store store = open_store(files);
  {
    loop_slots slots = store.claim(loop_named('a'));
    write_round(slots, 4);
  }
  loop_slots other = store.claim(loop_named('b'));
  CHECK(found_round(other) == 0);
  loop_slots slots = store.claim(loop_named('a'));
  CHECK(found_round(slots, 1000, 1) == 0);
  CHECK(found_round(slots, 1000, 0, 12) == 0);
  CHECK(found_round(slots) == 4);
}

TEST_CASE("states of any size and shape pass through one buffer") {
  memory_files files;
  files.can_map = false;  // its files cannot grow once they were mapped
  slot_store store = open_store(files);
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  using shape = std::vector<std::pair<std::string, std::vector<double>>>;
  for (int i = 0; i < 50; ++i) {
    shape value;
    for (auto parts = random() % 20; parts != 0; --parts)
      value.emplace_back(std::string(random() % 100, 'x'), std::vector<double>(random() % 4000, 0.5));
    loop_slots slots = store.claim(loop_named('s'));
    slots.write(header_at(static_cast<std::uint64_t>(i) + 1), small_buffer(),
                [&](encoder& out) { pawl::encode(value, out); });
    std::vector<std::string> problems;
    const slot_header* found = slots.find(0, 11, small_buffer(), problems);
    REQUIRE(found != nullptr);
    size_counter counter;
    pawl::encode(value, counter);
    CHECK(found->size == pawl::encode(value).size());
    CHECK(counter.size() == found->size);
    slots.read([&](decoder& in) { CHECK(decode<shape>(in.take(in.remaining())) == value); });
  }
}

TEST_CASE("any flipped byte of a checkpoint is found, and the one before it is used") {
  memory_files files;
  {
    slot_store store = open_store(files);
    loop_slots slots = store.claim(loop_named('a'));
    write_round(slots, 1, 600);
    write_round(slots, 2, 600);
  }
  const auto later = directory / "2";
  std::mt19937_64 random(1);
  for (int i = 0; i < 200; ++i) {
    std::vector<std::byte>& bytes = files.bytes_of(later);
    // The header, or the state; between them nothing is read.
    const std::size_t at = i < 100 ? random() % sizeof(slot_header) : slot_payload_at + random() % (600 * 8 + 4);
    CAPTURE(at);
    bytes[at] ^= std::byte{1};
    {
      std::vector<std::string> warnings;
      const auto kept = files.after_kill();
      slot_store store(*kept, directory, uuid, durability::power, true, warnings);
      loop_slots slots = store.claim(loop_named('a'));
      CHECK(found_round(slots, 600) == 1);
    }
    bytes[at] ^= std::byte{1};
  }
  slot_store store = open_store(files);
  loop_slots slots = store.claim(loop_named('a'));
  CHECK(found_round(slots, 600) == 2);
}

TEST_CASE("where both are damaged nothing is found, and each is told") {
  memory_files files;
  slot_store store = open_store(files);
  loop_slots slots = store.claim(loop_named('a'));
  write_round(slots, 1);
  write_round(slots, 2);
  for (const char* name : {"1", "2"}) files.bytes_of(directory / name)[5000] ^= std::byte{4};
  std::vector<std::string> problems;
  CHECK(slots.find(0, 11, small_buffer(), problems) == nullptr);
  REQUIRE(problems.size() == 2);
  CHECK(problems[0].find("round 2") != std::string::npos);
  CHECK(problems[0].find("does not match its checksum") != std::string::npos);
  files.bytes_of(directory / "1").resize(4500);
  problems.clear();
  write_round(slots, 3);
  CHECK(found_round(slots) == 3);
}

TEST_CASE("what a loop gives free the next one writes over; what is free goes with the store, what is kept stays") {
  memory_files files;
  {
    slot_store store = open_store(files);
    loop_slots first = store.claim(loop_named('a'));
    write_round(first, 1);
    write_round(first, 2);
    first.release();
    CHECK(store.free() == 2);
    loop_slots second = store.claim(loop_named('b'));
    const auto written = second.write(header_at(1), small_buffer(), [&](encoder& out) { out.put(1.0); });
    CHECK_FALSE(written.fresh);
    CHECK(files.all_files().size() == 2);
  }
  CHECK(files.all_files().size() == 1);
  slot_store store = open_store(files);
  CHECK(store.kept() == 1);
  store.release_unless(2, [](const slot_header&) { return false; });  // another workflow's
  CHECK(store.kept() == 1);
  store.release_unless(3, [](const slot_header& header) { return header.item == 7; });
  CHECK(store.kept() == 1);
  store.release_unless(3, [](const slot_header& header) { return header.item != 7; });
  CHECK(store.kept() == 0);
  CHECK(store.free() == 1);
}

TEST_CASE("a checkpoint that cannot be written leaves the one before it") {
  memory_files files;
  slot_store store = open_store(files);
  loop_slots slots = store.claim(loop_named('a'));
  write_round(slots, 1);
  write_round(slots, 2);
  int countdown = 0;
  for (const auto failing : {memory_files::operation::write, memory_files::operation::sync}) {
    for (int at = 1; at <= 2; ++at) {
      countdown = at;
      files.before = [&](memory_files::operation what, const std::filesystem::path& path) {
        if (what == failing && --countdown == 0) throw_file_error(ENOSPC, "write", path);
      };
      CHECK_THROWS_AS(write_round(slots, 9), error);
      files.before = nullptr;
      CHECK(found_round(slots) == 2);
    }
  }
  // What the encoder throws leaves the file in use, as it says nothing about the disk.
  const auto refuses = [](encoder&) { throw error(errc::codec_failed, "no"); };
  CHECK_THROWS_AS(slots.write(header_at(9), small_buffer(), refuses), error);
  CHECK(found_round(slots) == 2);
  write_round(slots, 3);
  CHECK(found_round(slots) == 3);
}

TEST_CASE("a file that is of another state, or unreadable, is left alone") {
  memory_files files;
  {
    std::vector<std::string> warnings;
    slot_store store(files, directory, {}, durability::power, true, warnings);
    loop_slots slots = store.claim(loop_named('a'));
    write_round(slots, 1);
  }
  std::vector<std::string> warnings;
  {
    slot_store store(files, directory, uuid, durability::power, true, warnings);
    CHECK(store.kept() + store.free() == 0);
  }
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].find("another state") != std::string::npos);
  CHECK(files.all_files().size() == 1);
}

namespace {

// How a machine may be wrong.
struct slot_faults {
  bool sync_lies = false;            // no flush does anything
  bool state_sync_lies = false;      // the header is written before the state is flushed
  bool checksums_match = false;      // what a writer without a checksum of the state would leave
  bool sync_directory_lies = false;
  bool one_file = false;             // both slots are the same file
};

// A file system on which slots are written wrongly: the planted bugs.
class wrong_files final : public file_system {
public:
  wrong_files(memory_files& below, const slot_faults& faults) : below_(below), faults_(faults) {
    below_.sync_lies = faults.sync_lies;
    below_.sync_directory_lies = faults.sync_directory_lies;
  }
  std::unique_ptr<file> create(const std::filesystem::path& path) override {
    if (faults_.one_file && exists(only(path))) return wrap(below_.open_to_write(only(path)));
    return wrap(below_.create(only(path)));
  }
  std::unique_ptr<file> open(const std::filesystem::path& path) override { return wrap(below_.open(only(path))); }
  std::unique_ptr<file> open_to_write(const std::filesystem::path& path) override {
    return wrap(below_.open_to_write(only(path)));
  }
  void make_directory(const std::filesystem::path& path) override { below_.make_directory(path); }
  void sync_directory(const std::filesystem::path& path) override { below_.sync_directory(path); }
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override { below_.rename(from, to); }
  void remove(const std::filesystem::path& path) override { below_.remove(path); }
  std::vector<std::string> list(const std::filesystem::path& path) override { return below_.list(path); }

private:
  class wrong_file final : public file {
  public:
    wrong_file(wrong_files& owner, std::unique_ptr<file> below) : owner_(owner), below_(std::move(below)) {}
    std::uint64_t size() override { return below_->size(); }
    void write(std::uint64_t offset, std::span<const std::byte> bytes) override {
      wrote_ = offset == 0 ? part::header : part::state;
      below_->write(offset, bytes);
    }
    void write_pieces(std::uint64_t offset, std::span<const std::span<const std::byte>> pieces) override {
      below_->write_pieces(offset, pieces);
    }
    void read(std::uint64_t offset, std::span<std::byte> into) override { below_->read(offset, into); }
    void sync() override {
      const part wrote = std::exchange(wrote_, part::nothing);
      if (!(owner_.faults_.state_sync_lies && wrote == part::state)) below_->sync();
    }
    std::span<std::byte> map(std::uint64_t) override { return {}; }

  private:
    wrong_files& owner_;
    std::unique_ptr<file> below_;
    enum class part { nothing, state, header } wrote_ = part::nothing;
  };
  std::unique_ptr<file> wrap(std::unique_ptr<file> one) { return std::make_unique<wrong_file>(*this, std::move(one)); }
  [[nodiscard]] std::filesystem::path only(const std::filesystem::path& path) const {
    return faults_.one_file ? path.parent_path() / "1" : path;
  }
  bool exists(const std::filesystem::path& path) {
    const auto all = below_.all_files();
    return std::find(all.begin(), all.end(), path) != all.end();
  }

  memory_files& below_;
  const slot_faults faults_;
};

// Gives each header that checks the checksum of whatever lies behind it.
void make_checksums_match(memory_files& files) {
  for (const auto& path : files.all_files()) {
    std::vector<std::byte>& bytes = files.bytes_of(path);
    auto header = header_of(bytes);
    if (!header || bytes.size() < slot_payload_at + header->size) continue;
    header->payload_crc = crc32c(std::span(bytes).subspan(slot_payload_at, static_cast<std::size_t>(header->size)));
    seal(*header);
    std::memcpy(bytes.data(), &*header, sizeof *header);
  }
}

// Lives that each end in a crash at any operation. Returns what does not hold.
std::optional<std::string> story(std::uint64_t seed, durability durable, const slot_faults& faults) {
  std::mt19937_64 random(seed);
  auto disk = std::make_unique<memory_files>();
  disk->can_map = false;
  std::uint64_t acknowledged = 0;  // round of the last checkpoint that must be there
  std::uint64_t written = 0;       // of the last one that may be
  for (auto life = random() % 6 + 2; life != 0; --life) {
    bool wrong_state = false;
    wrong_files files(*disk, faults);
    disk->crash_at(random() % 60 + 1);
    try {
      std::vector<std::string> warnings;
      slot_store store(files, directory, uuid, durable, true, warnings);
      loop_slots slots = store.claim(loop_named('a'));
      std::vector<std::string> problems;
      std::uint64_t round = 0;
      if (const slot_header* found = slots.find(0, 11, small_buffer(), problems)) {
        round = found->round;
        slots.read([&](decoder& in) {
          wrong_state = decode<std::vector<std::uint64_t>>(in.take(in.remaining())) != state_of(round, 1000);
        });
      }
      if (wrong_state) return "a state is not the one that was written, round " + std::to_string(round);
      if (round < acknowledged)
        return "round " + std::to_string(acknowledged) + " was acknowledged, found is " + std::to_string(round);
      if (round > written) return "round " + std::to_string(round) + " was never written";
      for (int i = 0; i < 10; ++i) {
        written = std::max(written, ++round);
        write_round(slots, round);
        acknowledged = round;
      }
    } catch (const simulated_crash&) {
    } catch (const std::exception& failure) {
      return std::string("unexpected: ") + failure.what();
    }
    const bool power = random() % 2 == 0;
    if (power && durable == durability::process) acknowledged = 0;  // what a power cut leaves then is not promised
    disk = power ? disk->after_power_cut(random) : disk->after_kill();
    if (faults.checksums_match) make_checksums_match(*disk);
    disk->can_map = false;
  }
  return std::nullopt;
}

bool is_found(durability durable, const slot_faults& faults) {
  const std::uint64_t seed = asked_seed();
  for (std::uint64_t i = 0; i < 500; ++i)
    if (story(seed + i, durable, faults)) return true;
  return false;
}

}  // namespace

TEST_CASE("a loop that crashes again and again, by kill and by power cut, finds the last checkpoint that it wrote") {
  const std::uint64_t seed = asked_seed();
  for (const durability durable : {durability::power, durability::process})
    for (std::uint64_t i = 0; i < 1000; ++i) {
      CAPTURE(seed + i, durable == durability::power);
      const auto wrong = story(seed + i, durable, {});
      INFO(wrong.value_or(""));
      REQUIRE_FALSE(wrong);
    }
}

TEST_CASE("the planted bugs are found: no flush, its name not flushed, one file for both, a header before its state and no checksum") {
  CHECK(is_found(durability::power, {.sync_lies = true}));
  CHECK(is_found(durability::power, {.sync_directory_lies = true}));
  CHECK(is_found(durability::power, {.one_file = true}));
  CHECK(is_found(durability::power, {.state_sync_lies = true, .checksums_match = true}));
}

TEST_CASE("the order of state and header, and the checksum of the state, are each enough") {
  CHECK_FALSE(is_found(durability::power, {.state_sync_lies = true}));
  CHECK_FALSE(is_found(durability::power, {.checksums_match = true}));
}

TEST_CASE("where several processes share a state a loop's slots are found by whoever claims it, and nobody else's are touched") {
  memory_files files;
  std::vector<std::string> warnings;
  const auto shared = [&](std::uint64_t as) {
    return std::make_unique<slot_store>(files, directory, uuid, durability::power, true, warnings, as);
  };
  auto first = shared(5);
  auto second = shared(6);
  {
    loop_slots slots = first->claim(loop_named('a'));
    for (std::uint64_t round = 1; round <= 4; ++round) write_round(slots, round);
  }
  CHECK(first->kept() == 0);  // it is whoever's the item is
  loop_slots mine = first->claim(loop_named('b'));
  write_round(mine, 1);
  {
    loop_slots slots = second->claim(loop_named('a'));
    CHECK(found_round(slots) == 4);
    write_round(slots, 5);
    loop_slots other = second->claim(loop_named('c'));
    write_round(other, 1);
    other.release();
  }
  CHECK(files.all_files().size() == 4);
  second.reset();  // what it had free goes with it
  CHECK(files.all_files().size() == 3);
  loop_slots again = first->claim(loop_named('a'));
  CHECK(found_round(again) == 5);
  again.release();
  loop_slots fresh = first->claim(loop_named('d'));  // in what is free
  write_round(fresh, 1);
  CHECK(files.all_files().size() == 3);
  CHECK(found_round(mine) == 1);
  const slot_store alone = open_store(files);
  CHECK(alone.kept() == 3);  // of 'a' until somebody asks whether it is needed
  CHECK(alone.free() == 0);
  CHECK(warnings.empty());
}

TEST_CASE("of a dead process's slots those that nobody needs are removed, and no others are") {
  memory_files files;
  std::vector<std::string> warnings;
  const auto shared = [&](std::uint64_t as) {
    return std::make_unique<slot_store>(files, directory, uuid, durability::power, true, warnings, as);
  };
  const auto dead = shared(5);
  const auto other = shared(6);
  const auto write_one = [](slot_store& of, char name) {
    loop_slots slots = of.claim(loop_named(name));
    write_round(slots, 1);
    return slots;
  };
  { static_cast<void>(write_one(*dead, 'a')); }
  const loop_slots at_work = write_one(*dead, 'b');
  { static_cast<void>(write_one(*dead, 'c')); }
  write_one(*dead, 'd').release();
  { static_cast<void>(write_one(*other, 'e')); }
  const loop_slots taken_over = other->claim(loop_named('c'));
  CHECK(files.all_files().size() == 5);
  const auto needed = [](const slot_header& header) { return header.identity == loop_named('b'); };
  const auto third = shared(7);
  third->remove_unless(5, workflow_id{99}, needed);  // of another workflow
  CHECK(files.all_files().size() == 5);
  third->remove_unless(5, header_at(1).workflow, needed);
  CHECK(files.all_files().size() == 3);
  loop_slots found = third->claim(loop_named('b'));
  CHECK(found_round(found) == 1);
  loop_slots of_other = third->claim(loop_named('e'));
  CHECK(found_round(of_other) == 1);
  loop_slots gone = third->claim(loop_named('a'));
  CHECK(found_round(gone) == 0);
}
