// The checkpoint record as bytes: what is written is read, and what is cut off or lies about its size is refused.
#include "record/checkpoint.hpp"
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/checkpoints.hpp"

#include <random>

using namespace pawl::core;
using namespace pawl::test;

namespace {

// Any number of bits up to `bits`, small ones as likely as large ones.
std::uint64_t number_of(std::mt19937_64& random, unsigned bits) {
  const auto wanted = static_cast<unsigned>(random() % (bits + 1));
  return wanted == 0 ? 0 : random() >> (64 - wanted);
}

said something(std::mt19937_64& random) {
  said what;
  what.item = number_of(random, item_bits);
  what.workflow = static_cast<workflow_id>(number_of(random, 16));
  what.revision = static_cast<revision_id>(number_of(random, 16));
  what.step = static_cast<std::uint16_t>(number_of(random, 16));
  what.sequence = static_cast<std::uint32_t>(number_of(random, 32));
  what.generation = static_cast<std::uint32_t>(random() % 3 == 0 ? number_of(random, 32) : 0);
  what.attempt = static_cast<std::uint32_t>(random() % 3 == 0 ? number_of(random, 32) : 1);
  what.detail = random() % 2 == 0 ? number_of(random, 64) : number_of(random, 32);
  what.flags = static_cast<std::uint8_t>(random() % 64);
  what.text.assign(random() % 3 == 0 ? random() % 70'000 : 0, 't');
  what.payload.assign(number_of(random, 12), 'p');
  return what;
}

}  // namespace

TEST_CASE("a checkpoint says what it was told, whatever that is") {
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 3000; ++round) {
    const said what = something(random);
    const auto kind = static_cast<checkpoint_kind>(1 + random() % 7);
    checkpoint_group group;
    group.add(kind, what);
    const checkpoint read = group.only();
    const checkpoint_header& header = read.header;
    REQUIRE(header.kind == kind);
    REQUIRE(header.item == what.item);
    REQUIRE(header.workflow == what.workflow);
    REQUIRE(header.revision == what.revision);
    REQUIRE(header.step == what.step);
    REQUIRE(header.sequence == what.sequence);
    REQUIRE(header.generation == what.generation);
    REQUIRE(header.attempt == what.attempt);
    REQUIRE(header.detail == what.detail);
    REQUIRE(header.flags == what.flags);
    REQUIRE(header.at_us == 1'700'000'000'000'000u + what.sequence * 1000ull);
    REQUIRE(header.size == group.bytes().size());
    REQUIRE(read.text == what.text);
    REQUIRE(text_of(read.payload) == what.payload);

    const auto place = place_of_record(group.bytes().data(), group.bytes().size());
    REQUIRE(place.has_value());
    REQUIRE(place->size == header.size);
    REQUIRE(place->address == address_of(what.workflow, what.item));
    REQUIRE(place->sequence == what.sequence);
  }
}

TEST_CASE("the record of an ordinary step takes 32 bytes beside its payload") {
  checkpoint_group group;
  group.completed({.item = 1u << 30, .sequence = 4, .step = 2, .payload = std::string(112, 'x'), .detail = 900'000'000});
  CHECK(group.bytes().size() == 32 + 112);
}

TEST_CASE("a checkpoint tells whether its item begins or ends with it") {
  const auto place = [](checkpoint_kind kind, std::uint8_t flags) {
    checkpoint_group group;
    group.add(kind, {.item = 3, .flags = flags});
    return *place_of_record(group.bytes().data(), group.bytes().size());
  };
  CHECK(place(checkpoint_kind::admitted, 0).admits);
  CHECK_FALSE(place(checkpoint_kind::completed, checkpoint_flag::last).admits);
  CHECK(place(checkpoint_kind::completed, checkpoint_flag::last).ends);
  CHECK_FALSE(place(checkpoint_kind::completed, checkpoint_flag::keep).ends);
  CHECK(place(checkpoint_kind::failed, 0).ends);
  CHECK(place(checkpoint_kind::skipped, 0).ends);
  CHECK(place(checkpoint_kind::reset, checkpoint_flag::last).ends);
  CHECK_FALSE(place(checkpoint_kind::reset, 0).ends);
  CHECK_FALSE(place(checkpoint_kind::attempt_failed, 0).ends);
}

TEST_CASE("a record that is cut off, or that says it is shorter than what it holds, is none") {
  checkpoint_group group;
  group.admitted({.item = 3, .text = "a key of some length", .payload = "payload"});
  std::vector<std::byte> bytes(group.bytes().begin(), group.bytes().end());
  REQUIRE(place_of_record(bytes.data(), bytes.size()).has_value());
  for (std::size_t left = 0; left < bytes.size(); ++left) REQUIRE_FALSE(place_of_record(bytes.data(), left).has_value());
  const std::size_t least = sizeof(packed_header) + sizeof(packed_more) + 20;  // header and text
  for (std::uint32_t size = 0; size < bytes.size(); size += 8) {
    std::memcpy(bytes.data(), &size, sizeof size);
    REQUIRE(place_of_record(bytes.data(), bytes.size()).has_value() == (size >= least));
  }
}
