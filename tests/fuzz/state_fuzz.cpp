// The files of a state directory that a stranger changed: a small state that was left by a kill, with edits to its files, and
// to what lies in LMDB, with checksums made right where they have one.
//
// Verify, everything that is read from outside, and a run over it: each ends in order, or with a named error.
#include "fuzz.hpp"

#include "lmdb/catalogue.hpp"
#include "lmdb/environment.hpp"
#include "lmdb/owner_lock.hpp"
#include "lmdb/transaction.hpp"
#include "store/crc32c.hpp"
#include "support/child_process.hpp"
#include "support/temp_dir.hpp"

#include <pawl/inspect.hpp>
#include <pawl/maintain.hpp>
#include <pawl/pawl.hpp>

#include <spdlog/logger.h>
#include <spdlog/sinks/null_sink.h>

#include <algorithm>
#include <map>

namespace fs = std::filesystem;
using namespace pawl;
using namespace pawl::fuzz;

namespace {

using bytes = std::vector<std::byte>;

constexpr table<"lengths", std::string, std::uint64_t> lengths;
constexpr std::size_t edits_max = 12;
constexpr std::size_t file_size_max = 4 << 20;

engine_options small() {
  engine_options options;
  options.logger = std::make_shared<spdlog::logger>("quiet", std::make_shared<spdlog::sinks::null_sink_mt>());
  options.workers = 1;
  options.journal_bytes = 16 << 20;
  options.crash_handlers = false;
  return options;
}

auto shop() {
  return workflow<"shop">(step<"read">([](const std::string& key) {
                            if (key == "bad") throw std::runtime_error("cannot read");
                            if (key == "none") throw skip_item("no");
                            return std::string(key == "large" ? 300'000 : key == "long" ? 9'000 : key.size(), 'x');
                          }).keep(),
                          transactional<"count">([](const std::string& text, transaction& tx) {
                            tx.put(lengths, std::to_string(text.size()), text.size());
                            return text.size();
                          }),
                          step<"write">([](std::size_t size) { return std::vector<std::size_t>(3, size); }));
}

const std::vector<std::string>& keys() {
  static const std::vector<std::string> all{"a", "bad", "none", "long", "large", std::string(600, 'k'), "\xff\x01", "b"};
  return all;
}

std::map<fs::path, bytes> files_of(const fs::path& folder) {
  std::map<fs::path, bytes> all;
  for (const auto& one : fs::recursive_directory_iterator(folder)) {
    if (!one.is_regular_file()) continue;
    std::ifstream in(one.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    all[fs::relative(one.path(), folder)] = bytes_of(text);
  }
  return all;
}

// With a journal that is not folded in.
const std::map<fs::path, bytes>& left_by_a_kill() {
  static const std::map<fs::path, bytes> made = [] {
    const test::temp_dir dir;
    test::child_process child([&](int) {
      {
        engine first(dir.path() / "state", small());
        static_cast<void>(first.run(shop(), std::vector<std::string>(keys().begin(), keys().end() - 1)));
      }
      engine second(dir.path() / "state", small());
      static_cast<void>(second.run(shop(), keys()));
      return ::kill(::getpid(), SIGKILL);
    });
    must(child.wait() == -SIGKILL);
    return files_of(dir.path() / "state");
  }();
  return made;
}

// With holes where there are zeros: most of it is.
void write(const std::map<fs::path, bytes>& files, const fs::path& state) {
  fs::remove_all(state);
  for (const auto& [path, content] : files) {
    fs::create_directories((state / path).parent_path());
    std::ofstream out(state / path, std::ios::binary);
    for (std::size_t at = 0; at < content.size(); at += 4096) {
      const auto block = std::span(content).subspan(at, std::min<std::size_t>(4096, content.size() - at));
      if (std::all_of(block.begin(), block.end(), [](std::byte one) { return one == std::byte{0}; })) continue;
      out.seekp(static_cast<std::streamoff>(at));
      out.write(reinterpret_cast<const char*>(block.data()), static_cast<std::streamsize>(block.size()));
    }
    out.close();
    fs::resize_file(state / path, content.size());
  }
}

void edit(std::map<fs::path, bytes>& files, input_reader& in) {
  auto at = files.begin();
  std::advance(at, in.take<std::uint8_t>() % files.size());
  bytes& content = at->second;
  const auto what = in.take<std::uint8_t>() % 5;
  const std::size_t offset = content.empty() ? 0 : in.take<std::uint32_t>() % content.size();
  const auto from = content.begin() + static_cast<std::ptrdiff_t>(offset);
  if (what == 0) {
    const auto with = in.bytes(in.take<std::uint8_t>() % 64);
    std::copy_n(with.begin(), std::min(with.size(), content.size() - offset), from);
  } else if (what == 1) {
    content.resize(offset);
  } else if (what == 2) {
    std::fill_n(from, std::min<std::size_t>(in.take<std::uint16_t>() % 4097, content.size() - offset), std::byte{0});
  } else if (what == 3) {  // a page in the place of another
    const std::size_t source = content.empty() ? 0 : in.take<std::uint32_t>() % content.size() / 4096 * 4096;
    const std::size_t target = offset / 4096 * 4096;
    const std::size_t size = std::min({std::size_t{4096}, content.size() - source, content.size() - target});
    std::copy_n(bytes(content).begin() + static_cast<std::ptrdiff_t>(source), size, content.begin() + static_cast<std::ptrdiff_t>(target));
  } else {
    content.resize(std::min(content.size() + in.take<std::uint16_t>(), file_size_max));
  }
}

void seal(MDB_dbi in, const core::environment& env, std::span<const std::byte> key, bytes& value) {
  if (value.size() < 4 || in == env.in().states || in == env.in().chunks || in == env.in().files) return;
  std::uint32_t sum = 0;
  if (in == env.in().items) {
    const std::uint64_t address = key.size() == 8 ? core::read_big_endian(key) : 0;
    sum = core::crc32c(std::as_bytes(std::span{&address, 1}));
  } else {
    sum = core::crc32c(key);
  }
  sum = core::crc32c(std::span(value).subspan(4), sum);
  std::memcpy(value.data(), &sum, sizeof sum);
}

// An entry of LMDB is changed, removed or added; that it is whole its checksum says.
void forge(core::write_transaction& txn, input_reader& in) {
  const auto& trees = txn.env().in();
  const MDB_dbi all[] = {trees.meta, trees.items, trees.index, trees.states, trees.chunks, trees.files, trees.tables};
  const MDB_dbi tree = all[in.take<std::uint8_t>() % std::size(all)];
  const auto what = in.take<std::uint8_t>() % 4;
  const auto number = in.take<std::uint8_t>();
  bytes key;
  bytes value;
  if (what == 3) {
    const auto own_key = in.bytes(in.take<std::uint8_t>() % 40 + 1U);
    key.assign(own_key.begin(), own_key.end());
    key.resize(std::max<std::size_t>(key.size(), 1));
    value.resize(4);
  } else {
    MDB_cursor* cursor = nullptr;
    must(::mdb_cursor_open(txn.handle(), tree, &cursor) == 0);
    MDB_val name{};
    MDB_val entry{};
    int status = ::mdb_cursor_get(cursor, &name, &entry, MDB_FIRST);
    for (int i = 0; i < number && status == 0; ++i) status = ::mdb_cursor_get(cursor, &name, &entry, MDB_NEXT);
    if (status == 0) {
      const auto* const k = static_cast<const std::byte*>(name.mv_data);
      const auto* const v = static_cast<const std::byte*>(entry.mv_data);
      key.assign(k, k + name.mv_size);
      value.assign(v, v + entry.mv_size);
    }
    ::mdb_cursor_close(cursor);
    if (status != 0) return;
  }
  if (what == 2) {
    static_cast<void>(txn.erase(tree, key));
    return;
  }
  const std::size_t offset = value.empty() ? 0 : in.take<std::uint16_t>() % (value.size() + 1);
  const auto with = in.bytes(in.take<std::uint8_t>() % 64);
  if (what == 1) value.resize(offset);
  value.resize(std::max(value.size(), offset + with.size()));
  std::copy(with.begin(), with.end(), value.begin() + static_cast<std::ptrdiff_t>(offset));
  seal(tree, txn.env(), key, value);
  txn.put(tree, key, value);
}

void forge_all(const fs::path& state, input_reader& in) {
  const std::size_t count = in.take<std::uint8_t>() % 6;
  if (count == 0) return;
  core::environment env(state, core::access_mode::write, core::default_map_size(), core::owner_lock::take(state));
  core::write_transaction txn(env);
  env.set_identity(core::read_identity(txn));
  for (std::size_t i = 0; i < count; ++i) forge(txn, in);
  txn.commit("commit");
}

void read_all(const fs::path& state) {
  const state_view view(state);
  for (const workflow_view& one : view.workflows()) static_cast<void>(one.by_state);
  item_query query{.limit = 3, .values = true};
  for (int pages = 0; pages < 100; ++pages) {
    const item_page page = view.items(query);
    query.after = page.next;
    if (query.after.empty()) break;
  }
  for (const std::string& key : keys()) static_cast<void>(view.item("shop", key));
  for (const table_info& table : view.tables()) static_cast<void>(view.entries(table.name).rows);
}

}  // namespace

void pawl::fuzz::feed(std::span<const std::byte> input) {
  static const test::temp_dir dir;
  const fs::path state = dir.path() / "state";
  input_reader in(input);
  auto files = left_by_a_kill();
  write(files, state);
  forge_all(state, in);
  if (!in.empty()) {
    files = files_of(state);
    for (std::size_t edits = 0; edits < edits_max && !in.empty(); ++edits) edit(files, in);
    write(files, state);
  }
  const auto named = {errc::damaged, errc::newer_format, errc::not_a_state, errc::io};
  bool whole = false;
  expect([&] { whole = verify(state).whole(); }, named);
  const bool read = expect([&] { read_all(state); }, named);
  must(read || !whole);
  expect(
      [&] {
        engine machine(state, small());
        const report made = machine.run(shop(), keys());
        must(made.items == made.done + made.failed + made.skipped + made.pending + made.in_progress);
        for (const std::string& key : keys())
          expect([&] { static_cast<void>(machine.result<std::vector<std::size_t>>(shop(), key)); },
                 {errc::damaged, errc::not_found, errc::schema_mismatch, errc::codec_failed});
      },
      named);
}

std::vector<std::vector<std::byte>> pawl::fuzz::seeds() {
  std::vector<std::vector<std::byte>> all{{std::byte{0}}};
  for (unsigned char tree = 0; tree < 7; ++tree)
    for (unsigned char what = 0; what < 4; ++what) {
      std::vector<std::byte> one;
      for (const int byte : {1, int{tree}, int{what}, 1, 9, 0, 4, 1, 2, 3, 4}) one.push_back(static_cast<std::byte>(byte));
      all.push_back(one);
    }
  for (unsigned char file = 0; file < 8; ++file)
    for (unsigned char what = 0; what < 5; ++what) {
      std::vector<std::byte> one;
      for (const int byte : {0, int{file}, int{what}, 0x40, 0x10, 0, 0, 8, 0, 9, 8, 7, 6, 5}) one.push_back(static_cast<std::byte>(byte));
      all.push_back(one);
    }
  return all;
}
