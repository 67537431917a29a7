// What is recorded of an item, read back from bytes that a stranger chose: rows, the records of the journal folded into
// rows, keys, entries of the index. Checksums are made right first, for they keep no stranger out.
//
// The first byte says what the rest is.
#include "fuzz.hpp"

#include "inspect/typed_key.hpp"
#include "lmdb/layout.hpp"
#include "record/fold.hpp"
#include "record/key.hpp"
#include "record/row.hpp"
#include "store/batch.hpp"
#include "store/crc32c.hpp"

#include <cstdint>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::fuzz;

namespace {

constexpr item_address address = address_of(3, 77);

// A row that could be read is written so that it reads the same.
void feed_row(std::span<const std::byte> bytes) {
  std::vector<std::byte> stored(bytes.begin(), bytes.end());
  if (stored.size() >= row_fixed_size) {
    const std::uint32_t sum =
        crc32c(std::span{stored}.subspan(sizeof(std::uint32_t)), crc32c(std::as_bytes(std::span{&address, 1})));
    std::memcpy(stored.data(), &sum, sizeof sum);
  }
  static_cast<void>(peek_row_key(stored));
  row one;
  expect([&] { read_row(stored, address, row_part::head, one); }, {errc::damaged});
  if (!expect([&] { read_row(stored, address, row_part::whole, one); }, {errc::damaged})) return;
  std::vector<std::byte> room;
  const auto written = write_row(one, address, room);
  const std::vector<std::byte> first(written.begin(), written.end());
  row again;
  read_row(first, address, row_part::whole, again);
  must(again.key == one.key && again.error == one.error && again.values.size() == one.values.size());
  must(again.times.size() == one.times.size() && again.sequence == one.sequence && again.state == one.state);
  const auto twice = write_row(again, address, room);
  must(twice.size() == first.size() && std::memcmp(twice.data(), first.data(), first.size()) == 0);
}

void feed_records(std::span<const std::byte> bytes) {
  batch gathered;
  const std::vector<std::byte> stored(bytes.begin(), bytes.end());
  const std::span<const std::byte> groups[] = {stored};
  if (!expect([&] { gathered.gather(groups); }, {errc::bad_argument, errc::damaged})) return;
  row now;
  std::vector<std::byte> room;
  for (std::size_t place = 0; place < gathered.size();) {
    const batch::run run = gathered.run_at(place);
    now.clear();
    const bool folded = expect(
        [&] {
          for (std::size_t at = run.first; at < run.last; ++at) static_cast<void>(fold(now, gathered.at(at)));
        },
        {errc::damaged, errc::bad_argument});
    if (folded && now.sequence != 0) {
      row again;
      const auto written = write_row(now, run.address, room);
      // Records may say of values and revisions what no row says: then it is named, not believed.
      expect([&] { read_row(written, run.address, row_part::whole, again); }, {errc::damaged});
    }
    place = run.last;
  }
}

void feed_key(std::string_view text) {
  static_cast<void>(printable(text));
  expect([&] { static_cast<void>(printable_key(text)); }, {errc::damaged});
  expect([&] { static_cast<void>(split_key(text)); }, {errc::damaged});
  expect([&] { static_cast<void>(plain_key(text)); }, {errc::damaged});
  expect([&] { static_cast<void>(key_of(text)); }, {errc::damaged});
  if (is_child_key(text)) expect([&] { static_cast<void>(split_child_key(text)); }, {errc::damaged});
  if (text.size() < 64) static_cast<void>(child_keys_named(text, 3));
}

void feed_index(std::span<const std::byte> bytes) {
  input_reader in(bytes);
  const auto key = in.bytes(in.take<std::uint8_t>());
  expect([&] { static_cast<void>(ids_of_index_entry(key, in.rest())); }, {errc::damaged});
  expect([&] { static_cast<void>(long_row_size(in.rest(), address)); }, {errc::damaged});
}

std::vector<std::byte> with_kind(std::uint8_t kind, std::span<const std::byte> bytes) {
  std::vector<std::byte> input{std::byte{kind}};
  input.insert(input.end(), bytes.begin(), bytes.end());
  return input;
}

void add_record(std::vector<std::byte>& records, checkpoint_header header, std::string_view text, std::size_t payload) {
  const std::size_t front = packed_size(header, text.size());
  std::vector<std::byte> one(front + text.size() + payload + 8);
  std::byte* const behind = pack(header, text.size(), one.data());
  std::memcpy(behind, text.data(), text.size());
  one.resize(seal_record(one.data(), front + text.size() + payload));
  records.insert(records.end(), one.begin(), one.end());
}

}  // namespace

void pawl::fuzz::feed(std::span<const std::byte> input) {
  if (input.empty()) return;
  const auto kind = std::to_integer<unsigned>(input[0]) % 4;
  const auto bytes = input.subspan(1);
  if (kind == 0) feed_row(bytes);
  if (kind == 1) feed_records(bytes);
  if (kind == 2) feed_key({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (kind == 3) feed_index(bytes);
}

std::vector<std::vector<std::byte>> pawl::fuzz::seeds() {
  std::vector<std::vector<std::byte>> all;
  std::string key;
  key_writer(key).text("a key");
  row one;
  one.state = item_state::in_progress;
  one.sequence = 4;
  one.reached = 1;
  one.result_number = 1;
  one.key = key;
  one.error = "why";
  one.attempts = 2;
  const auto value = bytes_of("value");
  row_value stored;
  stored.number = 1;
  stored.schema_hash = 5;
  stored.size = value.size();
  stored.bytes = value;
  one.set_value(stored);
  row_value kept;
  kept.number = 2;
  kept.keep = true;
  kept.place = value_place::file;
  kept.schema_hash = 6;
  kept.size = 1 << 20;
  kept.crc = 9;
  kept.epoch = 1;
  kept.file_number = 2;
  one.set_value(kept);
  one.times = {{1000, 20, 1}, {2000, 30, 3}};
  std::vector<std::byte> room;
  all.push_back(with_kind(0, write_row(one, address, room)));

  std::vector<std::byte> records;
  checkpoint_header header{};
  header.kind = checkpoint_kind::admitted;
  header.workflow = 1;
  header.item = 2;
  header.attempt = 1;
  header.sequence = 1;
  add_record(records, header, key, 8);
  header.kind = checkpoint_kind::completed;
  header.sequence = 2;
  add_record(records, header, "", 16);
  header.kind = checkpoint_kind::attempt_failed;
  header.sequence = 3;
  header.step = 1;
  add_record(records, header, "it failed", 0);
  header.kind = checkpoint_kind::completed;
  header.sequence = 4;
  header.flags = checkpoint_flag::last;
  header.attempt = 2;
  add_record(records, header, "", 16);
  all.push_back(with_kind(1, records));

  all.push_back(with_kind(2, bytes_of(key)));
  std::string child = scope_of_children(key, 3);
  key_writer(child).number(true, static_cast<std::uint64_t>(-5));
  all.push_back(with_kind(2, bytes_of(child)));
  std::vector<std::byte> entry;
  const std::uint64_t id = 9;
  make_index_entry(bytes_of(key), std::as_bytes(std::span{&id, 1}), entry);
  auto index = bytes_of(std::string(1, static_cast<char>(key.size())) + key);
  index.insert(index.end(), entry.begin(), entry.end());
  all.push_back(with_kind(3, index));
  return all;
}
