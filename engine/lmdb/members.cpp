#include "lmdb/members.hpp"

#include "lmdb/long_values.hpp"
#include "record/row.hpp"
#include "store/crc32c.hpp"

#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::string_view member_tag = "p";
constexpr std::string_view use_tag = "u";
constexpr std::string_view turns_tag = "n";
constexpr std::uint8_t claimed = 0;
constexpr std::uint8_t left_behind = 1;
constexpr std::size_t claim_key_size = 9;

lmdb_key member_key(std::uint64_t number) { return std::move(lmdb_key().text(member_tag).big_endian(number, 8)); }
lmdb_key use_key(std::uint64_t number, workflow_id workflow) {
  return std::move(lmdb_key().text(use_tag).big_endian(number, 8).big_endian(workflow, 2));
}
lmdb_key claim_key(std::uint8_t kind, item_address address) {
  return std::move(lmdb_key().big_endian(kind, 1).big_endian(address, 8));
}

std::span<const std::byte> as_bytes(std::string_view text) noexcept { return std::as_bytes(std::span{text}); }

[[noreturn]] void throw_damaged(const transaction& txn, const char* what) {
  throw error(errc::damaged, "lmdb: " + std::string(what) + " in " + txn.env().state().string() +
                                 " is damaged; stop all processes that share it and open it in one alone, which makes it anew");
}

struct claim_entry {
  std::uint32_t sum;
  std::uint32_t reserved;
  std::uint64_t member;
};
static_assert(sizeof(claim_entry) == 16);

std::uint32_t sum_of(std::span<const std::byte> key, std::uint64_t member) noexcept {
  return crc32c(std::as_bytes(std::span{&member, 1}), crc32c(key));
}

std::uint64_t member_of_claim(const transaction& txn, std::span<const std::byte> key, std::span<const std::byte> entry) {
  claim_entry one;
  if (entry.size() != sizeof one) throw_damaged(txn, "a claim");
  std::memcpy(&one, entry.data(), sizeof one);
  if (one.sum != sum_of(key, one.member)) throw_damaged(txn, "a claim");
  return one.member;
}

// Calls `each` with key and value of what `claims` has from `key` on, until it returns false.
template <class Each>
void each_claim(const transaction& txn, std::span<const std::byte> from, Each&& each) {
  if (txn.env().in().claims == 0) return;
  MDB_cursor* cursor = nullptr;
  txn.env().check(::mdb_cursor_open(txn.handle(), txn.env().in().claims, &cursor), "read");
  struct closer {
    MDB_cursor* open;
    ~closer() { ::mdb_cursor_close(open); }
  } const closing{cursor};
  MDB_val key = to_lmdb(from);
  MDB_val value{};
  int status = ::mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
  for (; status == 0; status = ::mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
    if (txn.view(key).size() != claim_key_size) throw_damaged(txn, "a claim");
    if (!each(txn.view(key), txn.view(value))) return;
  }
  if (status != MDB_NOTFOUND) txn.env().check(status, "read");
}

// One whose row cannot be read is: whoever takes it up says so.
bool is_under_way(const transaction& txn, item_address address) {
  const auto entry = txn.get(txn.env().in().items, item_key(address));
  if (!entry) return false;
  try {
    std::vector<std::byte> room;
    row stored;
    read_row(whole_row(txn, address, *entry, room), address, row_part::head, stored);
    return stored.state == item_state::pending || stored.state == item_state::in_progress;
  } catch (const error& failure) {
    if (failure.code() != errc::damaged) throw;
    return true;
  }
}

std::vector<item_address> claims_between(const transaction& txn, std::uint64_t number, item_address from, item_address last) {
  std::vector<item_address> found;
  each_claim(txn, claim_key(claimed, from).bytes(), [&](std::span<const std::byte> key, std::span<const std::byte> entry) {
    const item_address address = read_big_endian(key.subspan(1));
    if (std::to_integer<std::uint8_t>(key[0]) != claimed || address > last) return false;
    if (member_of_claim(txn, key, entry) == number) found.push_back(address);
    return true;
  });
  return found;
}

}  // namespace

std::vector<member> read_members(const transaction& txn) {
  std::vector<member> found;
  txn.each_record(as_bytes(member_tag), [&](std::span<const std::byte> key, std::span<const std::byte> body) {
    std::array<std::uint64_t, 2> words;
    if (key.size() != member_tag.size() + 8 || body.size() != sizeof words) throw_damaged(txn, "the record of a process");
    std::memcpy(words.data(), body.data(), sizeof words);
    found.push_back({read_big_endian(key.subspan(member_tag.size())), words[0], words[1]});
  });
  return found;
}

void write_member(write_transaction& txn, const member& one) {
  const std::array<std::uint64_t, 2> words{one.pid, one.pid_namespace};
  txn.put_record(member_key(one.number).bytes(), std::as_bytes(std::span{words}));
}

void check_member(const transaction& txn, std::uint64_t number) {
  if (txn.get_record(member_key(number).bytes())) return;
  throw error(errc::state_in_use,
              "lmdb: this process was taken for dead by others that share " + txn.env().state().string() +
                  ", because its locks on the file `owner` were lost (something in this process read and closed that "
                  "file, or removed it), and its items are theirs now; it writes nothing more, what it had acknowledged "
                  "is safe; end all processes that have this state open, start them again, and leave `owner` alone");
}

std::size_t remove_member(write_transaction& txn, std::uint64_t number) {
  std::size_t left = 0;
  for (const item_address address : claims_between(txn, number, 0, std::numeric_limits<item_address>::max())) {
    erase_claim(txn, address);
    if (!is_under_way(txn, address)) continue;
    txn.put(txn.env().in().claims, claim_key(left_behind, address).bytes(), {});
    ++left;
  }
  for (const chain_use& use : read_chain_uses(txn))
    if (use.member == number) txn.erase(txn.env().in().meta, use_key(number, use.workflow).bytes());
  txn.erase(txn.env().in().meta, member_key(number).bytes());
  return left;
}

std::vector<item_address> claims_of(const transaction& txn, std::uint64_t number, workflow_id workflow) {
  return claims_between(txn, number, address_of(workflow, 0), address_of(workflow, 0) | ((item_address{1} << item_bits) - 1));
}

void remove_all_members(write_transaction& txn) {
  const MDB_dbi claims = txn.env().in().claims;
  if (claims != 0) txn.env().check(::mdb_drop(txn.handle(), claims, 0), "write");
  for (const chain_use& use : read_chain_uses(txn))
    txn.erase(txn.env().in().meta, use_key(use.member, use.workflow).bytes());
  for (const member& one : read_members(txn)) txn.erase(txn.env().in().meta, member_key(one.number).bytes());
  static_cast<void>(txn.erase(txn.env().in().meta, as_bytes(turns_tag)));
}

std::vector<chain_use> read_chain_uses(const transaction& txn) {
  std::vector<chain_use> found;
  txn.each_record(as_bytes(use_tag), [&](std::span<const std::byte> key, std::span<const std::byte> body) {
    chain_use use;
    if (key.size() != use_tag.size() + 10 || body.size() != sizeof use.revision)
      throw_damaged(txn, "which chain a process runs");
    use.member = read_big_endian(key.subspan(use_tag.size(), 8));
    use.workflow = static_cast<workflow_id>(read_big_endian(key.subspan(use_tag.size() + 8)));
    std::memcpy(&use.revision, body.data(), sizeof use.revision);
    found.push_back(use);
  });
  return found;
}

void write_chain_use(write_transaction& txn, const chain_use& use) {
  txn.put_record(use_key(use.member, use.workflow).bytes(), std::as_bytes(std::span{&use.revision, 1}));
}

std::optional<std::uint64_t> claim_of(const transaction& txn, item_address address) {
  const lmdb_key key = claim_key(claimed, address);
  const auto entry = txn.get(txn.env().in().claims, key.bytes());
  if (!entry) return std::nullopt;
  return member_of_claim(txn, key.bytes(), *entry);
}

void write_claim(write_transaction& txn, item_address address, std::uint64_t member) {
  const lmdb_key key = claim_key(claimed, address);
  const claim_entry one{sum_of(key.bytes(), member), 0, member};
  txn.put(txn.env().in().claims, key.bytes(), std::as_bytes(std::span{&one, 1}));
  txn.erase(txn.env().in().claims, claim_key(left_behind, address).bytes());
}

void erase_claim(write_transaction& txn, item_address address) {
  txn.erase(txn.env().in().claims, claim_key(claimed, address).bytes());
}

void read_claims(const transaction& txn,
                 const std::function<void(item_address address, std::optional<std::uint64_t> member)>& each) {
  each_claim(txn, claim_key(claimed, 0).bytes(), [&](std::span<const std::byte> key, std::span<const std::byte> entry) {
    std::optional<std::uint64_t> member;
    if (std::to_integer<std::uint8_t>(key[0]) == claimed) member = member_of_claim(txn, key, entry);
    each(read_big_endian(key.subspan(1)), member);
    return true;
  });
}

std::uint64_t read_turns(const transaction& txn) {
  const auto body = txn.get_record(as_bytes(turns_tag));
  if (!body) return 0;
  std::uint64_t turns = 0;
  if (body->size() != sizeof turns) throw_damaged(txn, "the count of writes to tables");
  std::memcpy(&turns, body->data(), sizeof turns);
  return turns;
}

void write_turns(write_transaction& txn, std::uint64_t turns) {
  txn.put_record(as_bytes(turns_tag), std::as_bytes(std::span{&turns, 1}));
}

bool is_left_behind(const transaction& txn, item_address address) {
  return txn.get(txn.env().in().claims, claim_key(left_behind, address).bytes()).has_value();
}

void read_left_behind(const transaction& txn, workflow_id workflow, item_id from, std::size_t most,
                      std::vector<item_id>& into) {
  each_claim(txn, claim_key(left_behind, address_of(workflow, from)).bytes(),
             [&](std::span<const std::byte> key, std::span<const std::byte>) {
               const item_address address = read_big_endian(key.subspan(1));
               if (most == 0 || workflow_of_address(address) != workflow) return false;
               into.push_back(item_of_address(address));
               --most;
               return true;
             });
}

}  // namespace pawl::core
