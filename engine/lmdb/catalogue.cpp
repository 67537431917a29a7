#include "lmdb/catalogue.hpp"

#include "record/bytes.hpp"
#include "store/workflows.hpp"

#include <sys/random.h>

#include <chrono>
#include <cstring>
#include <limits>

namespace pawl::core {
namespace {

constexpr std::string_view magic{"pawl state\0\0\0\0\0\0", 16};

[[noreturn]] void throw_damaged(const transaction& txn, const std::string& what) {
  throw error(errc::damaged, "lmdb: " + what + " in " + txn.env().state().string() +
                                 " is damaged; run `pawl verify` on it or restore a backup");
}

std::uint64_t now_us() noexcept {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

std::uint32_t lmdb_version() noexcept {
  int major = 0;
  int minor = 0;
  int patch = 0;
  static_cast<void>(::mdb_version(&major, &minor, &patch));
  return static_cast<std::uint32_t>(major << 24 | minor << 16 | patch);
}

lmdb_key record_key(std::string_view tag) { return std::move(lmdb_key().text(tag)); }
lmdb_key record_key(std::string_view tag, workflow_id workflow) {
  return std::move(lmdb_key().text(tag).big_endian(workflow, 2));
}
lmdb_key record_key(std::string_view tag, workflow_id workflow, revision_id revision) {
  return std::move(lmdb_key().text(tag).big_endian(workflow, 2).big_endian(revision, 2));
}
lmdb_key schema_key(std::uint64_t hash) { return std::move(lmdb_key().text("s").big_endian(hash, 8)); }

std::span<const std::byte> as_bytes(std::string_view text) noexcept { return std::as_bytes(std::span{text}); }
std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// For records that are written rarely.
class record_bytes {
public:
  template <class T>
  record_bytes& fixed(T value) {
    return append(std::as_bytes(std::span{&value, 1}));
  }
  record_bytes& varint(std::uint64_t value) {
    std::array<std::byte, varint_size_max> room;
    byte_writer out(room.data());
    out.varint(value);
    return append({room.data(), out.cursor()});
  }
  record_bytes& append(std::span<const std::byte> more) {
    bytes_.append(as_text(more));
    return *this;
  }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return as_bytes(bytes_); }

private:
  std::string bytes_;
};

void write_revision(write_transaction& txn, workflow_id workflow, const chain_revision& chain) {
  record_bytes body;
  body.fixed(chain.input_schema).fixed(std::uint8_t{chain.input_is_key}).varint(chain.steps.size());
  for (const step_identity& step : chain.steps) {
    body.fixed(static_cast<std::uint8_t>(step.kind)).fixed(std::uint8_t{step.keep}).varint(step.version);
    body.fixed(step.result_schema).varint(step.name.size()).append(as_bytes(step.name));
  }
  txn.put_record(record_key("r", workflow, chain.id).bytes(), body.bytes());
}

chain_revision parse_revision(const transaction& txn, revision_id id, std::span<const std::byte> body) {
  byte_reader in(body);
  chain_revision chain;
  chain.id = id;
  chain.input_schema = in.fixed<std::uint64_t>();
  chain.input_is_key = in.fixed<std::uint8_t>() != 0;
  const std::uint64_t count = in.varint();
  if (count > in.remaining()) throw_damaged(txn, "a recorded chain");
  for (std::uint64_t i = 0; i < count; ++i) {
    step_identity step;
    step.kind = static_cast<step_kind>(in.fixed<std::uint8_t>());
    step.keep = in.fixed<std::uint8_t>() != 0;
    step.version = in.varint_as<std::uint32_t>();
    step.result_schema = in.fixed<std::uint64_t>();
    step.name = in.text(in.varint());
    chain.steps.push_back(std::move(step));
  }
  if (in.failed() || in.remaining() != 0) throw_damaged(txn, "a recorded chain");
  return chain;
}

workflow_record parse_workflow(const transaction& txn, workflow_id id, std::string_view name) {
  workflow_record workflow;
  workflow.id = id;
  workflow.name = name;
  workflow.revisions = read_chains(txn, id);
  const auto counters = read_counters(txn, id);
  if (workflow.revisions.empty() || !counters) throw_damaged(txn, "the record of workflow " + workflow.name);
  workflow.current = workflow.revisions.back().id;
  workflow.next_item = counters->next_item;
  workflow.oldest_done_us = read_oldest_done(txn, id);
  return workflow;
}

}  // namespace

hash_key new_uuid() {
  hash_key uuid{};
  if (::getrandom(uuid.data(), uuid.size(), 0) != static_cast<ssize_t>(uuid.size()))
    throw error(errc::io, "lmdb: the system gives no random numbers for a new state; run again");
  return uuid;
}

void write_identity(write_transaction& txn, const state_identity& identity) {
  record_bytes body;
  body.append(as_bytes(magic)).fixed(format_of_copies).append(identity.uuid).fixed(now_us()).append(identity.salt);
  txn.put_record(record_key("format").bytes(), body.bytes());
}

void write_new_state(write_transaction& txn) {
  record_bytes body;
  body.append(as_bytes(magic)).fixed(format_of_new_states).append(new_uuid()).fixed(now_us());
  txn.put_record(record_key("format").bytes(), body.bytes());
  write_opening(txn, {});
}

state_identity read_identity(const transaction& txn) {
  const auto body = txn.get_record(record_key("format").bytes());
  byte_reader in(body.value_or(std::span<const std::byte>{}));
  if (in.text(magic.size()) != magic)
    throw error(errc::not_a_state, "lmdb: " + txn.env().state().string() +
                                       " is an LMDB database of another program; use another state directory");
  const auto format = in.fixed<std::uint32_t>();
  if (!in.failed() && format > state_format)
    throw error(errc::newer_format, "lmdb: " + txn.env().state().string() + " has format " + std::to_string(format) +
                                        " and this release reads formats up to " + std::to_string(state_format) +
                                        "; use the release that wrote it, or a newer one");
  state_identity is;
  const auto stored = in.take(is.uuid.size());
  static_cast<void>(in.fixed<std::uint64_t>());  // when it was made: for people
  const auto salt = format >= format_of_copies ? in.take(is.salt.size()) : stored;
  if (in.failed()) throw_damaged(txn, "the format record");
  std::memcpy(is.uuid.data(), stored.data(), is.uuid.size());
  std::memcpy(is.salt.data(), salt.data(), is.salt.size());
  return is;
}

void check_records_but_counters(const transaction& txn) {
  const auto check = [&](std::string_view prefix) { txn.each_record(as_bytes(prefix), [](auto, auto) {}); };
  for (const char* prefix : {"d", "format", "journal", "opened", "r", "s", "t", "v", "w"}) check(prefix);
}

void check_records(const transaction& txn) { txn.each_record({}, [](auto, auto) {}); }

opening_record read_opening(const transaction& txn) {
  const auto body = txn.get_record(record_key("opened").bytes());
  byte_reader in(body.value_or(std::span<const std::byte>{}));
  opening_record opening;
  opening.epoch = in.fixed<std::uint64_t>();
  const auto mode = in.fixed<std::uint8_t>();
  static_cast<void>(in.fixed<std::uint32_t>());  // the LMDB version: for people
  opening.pid_namespace = in.fixed<std::uint64_t>();
  static_cast<void>(in.fixed<std::uint64_t>());  // when: for people
  if (in.failed()) throw_damaged(txn, "the record of the last opening");
  opening.kept = static_cast<keeping>(mode);
  if (in.remaining() != 0) opening.durability = static_cast<durability>(in.fixed<std::uint8_t>());
  if ((opening.kept != keeping::committed && opening.kept != keeping::journaled && opening.kept != keeping::shared) ||
      (opening.durability != durability::power && opening.durability != durability::process))
    throw error(errc::newer_format, "lmdb: " + txn.env().state().string() + " demands to be opened in mode " +
                                        std::to_string(mode) + ", which this release does not have; use a newer one");
  return opening;
}

void check_epoch(const transaction& txn, std::uint64_t epoch) {
  if (read_opening(txn).epoch == epoch) return;
  throw error(errc::state_in_use,
              "lmdb: " + txn.env().state().string() +
                  " was opened for writing by another engine while this one had it, because the lock on its file `owner` "
                  "was lost (something in this process read and closed that file, or removed it); this engine writes "
                  "nothing more, what it had acknowledged is safe; close it, and leave `owner` alone");
}

void write_opening(write_transaction& txn, const opening_record& opening) {
  record_bytes body;
  body.fixed(opening.epoch).fixed(static_cast<std::uint8_t>(opening.kept)).fixed(lmdb_version());
  body.fixed(opening.pid_namespace).fixed(now_us()).fixed(static_cast<std::uint8_t>(opening.durability));
  txn.put_record(record_key("opened").bytes(), body.bytes());
}

journal_mark read_mark(const transaction& txn) {
  const auto body = txn.get_record(record_key("journal").bytes());
  if (!body) return {};
  byte_reader in(*body);
  journal_mark mark;
  mark.applied = in.fixed<std::uint64_t>();
  mark.durable = in.fixed<std::uint64_t>();
  mark.drained = in.fixed<std::uint8_t>() != 0;
  if (in.failed() || in.remaining() != 0 || mark.durable < mark.applied || mark.durable > log_position_max)
    throw_damaged(txn, "the record of what is applied of the journal");
  return mark;
}

void write_mark(write_transaction& txn, const journal_mark& mark) {
  record_bytes body;
  body.fixed(mark.applied).fixed(mark.durable).fixed(std::uint8_t{mark.drained});
  txn.put_record(record_key("journal").bytes(), body.bytes());
}

std::vector<chain_revision> read_chains(const transaction& txn, workflow_id workflow) {
  std::vector<chain_revision> chains;
  txn.each_record(record_key("r", workflow).bytes(), [&](auto key, auto body) {
    if (key.size() != 5) throw_damaged(txn, "a recorded chain");
    const auto revision = static_cast<revision_id>(read_big_endian(key.subspan(3)));
    if (revision != chains.size()) throw_damaged(txn, "the list of recorded chains");
    chains.push_back(parse_revision(txn, revision, body));
  });
  return chains;
}

std::optional<workflow_counters> read_counters(const transaction& txn, workflow_id workflow) {
  const auto body = txn.get_record(record_key("c", workflow).bytes());
  if (!body) return std::nullopt;
  byte_reader in(*body);
  workflow_counters counters;
  counters.next_item = in.fixed<std::uint64_t>();
  for (std::uint64_t& state : counters.by_state) state = in.fixed<std::uint64_t>();
  if (in.failed() || in.remaining() != 0 || counters.next_item > item_id_end)
    throw_damaged(txn, "the counters of a workflow");
  return counters;
}

void write_counters(write_transaction& txn, workflow_id workflow, const workflow_counters& counters) {
  std::array<std::uint64_t, 6> body{counters.next_item};
  std::copy(counters.by_state.begin(), counters.by_state.end(), body.begin() + 1);
  txn.put_record(record_key("c", workflow).bytes(), std::as_bytes(std::span{body}));
}

std::uint64_t read_oldest_done(const transaction& txn, workflow_id workflow) {
  const auto body = txn.get_record(record_key("d", workflow).bytes());
  if (!body) return 0;
  byte_reader in(*body);
  const auto oldest = in.fixed<std::uint64_t>();
  if (in.failed() || in.remaining() != 0) throw_damaged(txn, "the record of what was removed of a workflow");
  return oldest;
}

void write_oldest_done(write_transaction& txn, workflow_id workflow, std::uint64_t oldest_done_us) {
  txn.put_record(record_key("d", workflow).bytes(), std::as_bytes(std::span{&oldest_done_us, 1}));
}

std::vector<std::uint64_t> read_histogram(const transaction& txn, workflow_id workflow, revision_id revision) {
  const auto body = txn.get_record(record_key("h", workflow, revision).bytes());
  if (!body) return {};
  if (body->size() % sizeof(std::uint64_t) != 0) throw_damaged(txn, "the counters of a workflow");
  std::vector<std::uint64_t> histogram(body->size() / sizeof(std::uint64_t));
  if (!histogram.empty()) std::memcpy(histogram.data(), body->data(), body->size());
  return histogram;
}

void write_histogram(write_transaction& txn, workflow_id workflow, revision_id revision,
                     std::span<const std::uint64_t> histogram) {
  txn.put_record(record_key("h", workflow, revision).bytes(), std::as_bytes(histogram));
}

std::vector<workflow_record> read_workflows(const transaction& txn) {
  std::vector<workflow_record> workflows;
  txn.each_record(record_key("w").bytes(), [&](auto key, auto body) {
    if (key.size() != 3) throw_damaged(txn, "the list of workflows");
    workflows.push_back(parse_workflow(txn, static_cast<workflow_id>(read_big_endian(key.subspan(1))), as_text(body)));
  });
  return workflows;
}

workflow_record read_workflow(const transaction& txn, workflow_id workflow) {
  const auto body = txn.get_record(record_key("w", workflow).bytes());
  if (!body)
    throw error(errc::not_found, "lmdb: there is no workflow " + std::to_string(workflow) + " in " +
                                     txn.env().state().string() + "; `pawl status` lists those that are there");
  return parse_workflow(txn, workflow, as_text(*body));
}

workflow_counts count_workflow(const transaction& txn, workflow_id workflow) {
  const workflow_record record = read_workflow(txn, workflow);
  workflow_counts counts;
  counts.by_state = read_counters(txn, workflow)->by_state;
  counts.completed.resize(record.revisions.back().steps.size());
  for (const chain_revision& revision : record.revisions)
    add_completed(record, revision, read_histogram(txn, workflow, revision.id), counts);
  return counts;
}

std::string read_schema(const transaction& txn, std::uint64_t hash) {
  const auto body = txn.get_record(schema_key(hash).bytes());
  return body ? std::string(as_text(*body)) : std::string();
}

bool record_schema(write_transaction& txn, const schema_record& schema) {
  if (txn.get_record(schema_key(schema.hash).bytes())) return false;
  txn.put_record(schema_key(schema.hash).bytes(), as_bytes(schema.canonical));
  return true;
}

workflow_record record_workflow(write_transaction& txn, std::string_view name, const chain_revision& chain,
                                std::span<const schema_record> schemas, bool& changed) {
  changed = false;
  for (const schema_record& schema : schemas) changed = record_schema(txn, schema) || changed;
  std::vector<workflow_record> known = read_workflows(txn);
  workflow_record opened;
  const std::size_t revisions_before = open_among(known, name, chain, opened);
  if (revisions_before == opened.revisions.size()) return opened;
  changed = true;
  write_revision(txn, opened.id, opened.revisions.back());
  if (revisions_before != 0) return opened;
  txn.put_record(record_key("w", opened.id).bytes(), as_bytes(name));
  write_counters(txn, opened.id, {});
  return opened;
}

}  // namespace pawl::core
