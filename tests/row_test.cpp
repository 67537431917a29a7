#include "record/row.hpp"

#include "store/crc32c.hpp"
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/checkpoints.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <cstring>
#include <random>

using namespace pawl;
using namespace pawl::core;
using pawl::test::text_key;
using pawl::test::text_of;

namespace {

const item_address here = address_of(7, 1234567);

row_value value_in_row(std::uint16_t number, const std::string& bytes, bool keep = false) {
  row_value value;
  value.number = number;
  value.keep = keep;
  value.schema_hash = 0x1122334455667788;
  value.size = bytes.size();
  value.bytes = std::as_bytes(std::span{bytes});
  return value;
}

row done_row(const std::string& key) {
  row one;
  one.state = item_state::done;
  one.sequence = 4;
  one.reached = 3;
  one.input_digest = 0x0123456789abcdef;
  one.updated_us = 1'700'000'000'000'000;
  one.key = key;
  for (std::uint64_t step = 0; step < 3; ++step)
    one.times.push_back({one.updated_us - (2 - step) * 20'000'000, 19'000'000'000 + step, 1});
  return one;
}

bool same(const row& a, const row& b) {
  const auto same_value = [](const row_value& x, const row_value& y) {
    return x.number == y.number && x.keep == y.keep && x.place == y.place && x.schema_hash == y.schema_hash &&
           x.size == y.size && x.crc == y.crc && x.epoch == y.epoch && x.file_number == y.file_number &&
           text_of(x.bytes) == text_of(y.bytes);
  };
  const auto same_time = [](const row_times& x, const row_times& y) {
    return x.ended_us == y.ended_us && x.took_ns == y.took_ns && x.attempts == y.attempts;
  };
  return a.state == b.state && a.sticky == b.sticky && a.input_is_key == b.input_is_key && a.revision == b.revision &&
         a.reached == b.reached && a.result_number == b.result_number && a.sequence == b.sequence &&
         a.generation == b.generation && a.input_digest == b.input_digest && a.updated_us == b.updated_us &&
         a.key == b.key && a.attempts == b.attempts && a.delay_ns == b.delay_ns && a.error == b.error &&
         std::equal(a.values.begin(), a.values.end(), b.values.begin(), b.values.end(), same_value) &&
         std::equal(a.times.begin(), a.times.end(), b.times.begin(), b.times.end(), same_time);
}

errc code_of_reading(std::span<const std::byte> bytes, item_address address = here) {
  row into;
  try {
    read_row(bytes, address, row_part::whole, into);
  } catch (const error& failure) {
    return failure.code();
  }
  return {};
}

std::vector<std::byte> with_its_checksum(std::vector<std::byte> bytes) {
  const std::uint32_t sum = crc32c(std::span(bytes).subspan(4), crc32c(std::as_bytes(std::span{&here, 1})));
  std::memcpy(bytes.data(), &sum, sizeof sum);
  return bytes;
}

}  // namespace

TEST_CASE("a row with everything in it comes back as it was") {
  const std::string key = text_key("https://example.org/a");
  const std::string input = "the input";
  const std::string kept(300, 'k');
  const std::string error_text = "connection refused";
  row one;
  one.state = item_state::failed;
  one.sticky = true;
  one.input_is_key = true;
  one.revision = 65535;
  one.reached = 3;
  one.result_number = 5;
  one.sequence = 0xffffffff;
  one.generation = 0xffffffff;
  one.input_digest = ~std::uint64_t{0};
  one.updated_us = 1'700'000'000'000'000;
  one.key = key;
  one.attempts = 7;
  one.delay_ns = ~std::uint64_t{0};
  one.error = error_text;
  one.set_value(value_in_row(2, kept, true));
  one.set_value(value_in_row(0, input));
  row_value in_chunks = value_in_row(3, "");
  in_chunks.place = value_place::chunks;
  in_chunks.size = 100'000;
  in_chunks.crc = 42;
  one.set_value(in_chunks);
  row_value in_file = in_chunks;
  in_file.number = 5;
  in_file.place = value_place::file;
  in_file.epoch = 3;
  in_file.file_number = ~std::uint64_t{0};
  one.set_value(in_file);
  one.times = {{1, 2, 1}, {one.updated_us + 5, (~std::uint64_t{0}) >> 1, 0}, {0, 0, 0xffffffff}};

  std::vector<std::byte> room;
  const auto bytes = write_row(one, here, room);
  row back;
  read_row(bytes, here, row_part::whole, back);
  CHECK(same(one, back));
  CHECK(peek_row_key(bytes) == key);

  row head;
  read_row(bytes, here, row_part::head, head);
  CHECK(head.key == key);
  CHECK(head.generation == one.generation);
  CHECK(head.values.empty());
}

TEST_CASE("a done item of three steps with a key of 20 bytes takes at most 95 bytes") {
  const std::string key = text_key("12345678901234567890");
  std::vector<std::byte> room;
  CHECK(write_row(done_row(key), here, room).size() <= 95);
}

TEST_CASE("an empty key and a binary one are keys") {
  for (const std::string& key : {text_key(""), text_key(std::string("\0\xff\0", 3)), std::string(9, '\2')}) {
    std::vector<std::byte> room;
    row back;
    read_row(write_row(done_row(key), here, room), here, row_part::whole, back);
    CHECK(back.key == key);
  }
}

TEST_CASE("a row in another item's place is damaged") {
  const std::string key = text_key("k");
  std::vector<std::byte> room;
  const auto bytes = write_row(done_row(key), here, room);
  CHECK(code_of_reading(bytes) == errc{});
  CHECK(code_of_reading(bytes, here + 1) == errc::damaged);
}

TEST_CASE("every flipped bit and every cut of a row is named damage") {
  const std::string key = text_key("a key");
  const std::string result(40, 'r');
  row one = done_row(key);
  one.set_value(value_in_row(3, result));
  one.result_number = 3;
  std::vector<std::byte> room;
  const auto written = write_row(one, here, room);
  std::vector<std::byte> bytes(written.begin(), written.end());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    REQUIRE(code_of_reading(std::span(bytes).first(size)) == errc::damaged);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    REQUIRE(code_of_reading(bytes) == errc::damaged);
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
  }
}

TEST_CASE("hostile bytes with a right checksum are read or refused, within their bounds") {
  const auto seed = pawl::test::asked_seed();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const std::string key = text_key("some key");
  const std::string value(30, 'v');
  row one = done_row(key);
  one.set_value(value_in_row(1, value, true));
  one.set_value(value_in_row(3, value));
  one.result_number = 3;
  std::vector<std::byte> room;
  const auto written = write_row(one, here, room);
  std::size_t read = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> bytes(written.begin(), written.end());
    bytes.resize(std::max<std::size_t>(4, random() % 4 == 0 ? random() % bytes.size() : bytes.size()));
    for (unsigned changes = 1 + random() % 4; changes != 0; --changes)
      bytes[random() % bytes.size()] = static_cast<std::byte>(random() % 3 == 0 ? 0xff : random());
    bytes = with_its_checksum(std::move(bytes));
    // A copy of exactly this size, so that a sanitizer sees any step beyond it.
    const std::vector<std::byte> exact(bytes.begin(), bytes.end());
    const errc code = code_of_reading(exact);
    REQUIRE((code == errc{} || code == errc::damaged));
    read += code == errc{};
    static_cast<void>(peek_row_key(exact));
  }
  CHECK(read > 0);
}

TEST_CASE("hostile counts allocate no more than their bytes warrant") {
  const std::string key = text_key("k");
  std::vector<std::byte> room;
  const auto written = write_row(done_row(key), here, room);
  // The last bytes are the number of values (0), the number of times (3), the times.
  std::vector<std::byte> bytes(written.begin(), written.begin() + 36);
  for (int i = 0; i < 9; ++i) bytes.push_back(std::byte{0xff});
  bytes.push_back(std::byte{1});
  CHECK(code_of_reading(with_its_checksum(bytes)) == errc::damaged);
}
