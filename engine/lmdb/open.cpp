#include "lmdb/open.hpp"

#include "lmdb/backend.hpp"
#include "lmdb/catalogue.hpp"
#include "lmdb/members.hpp"
#include "lmdb/registry.hpp"
#include "lmdb/rewrite.hpp"
#include "lmdb/state_directory.hpp"

#include <pawl/error.hpp>

#include <unistd.h>

#include <utility>

namespace pawl::core {
namespace {

constexpr int seats_tried_max = 1000;  // those of processes that are just dying

std::size_t map_size_of(const lmdb_options& options) {
  return options.map_size != 0 ? options.map_size : default_map_size();
}

void fill_new_state(const std::filesystem::path& directory, const lmdb_options& options) {
  machine_files().make_directory(directory / "blobs");
  prepare_file(directory / "owner", 0);
  {
    environment env(directory, access_mode::create, map_size_of(options), {});
    write_transaction txn(env);
    write_new_state(txn);
    txn.commit("make a new state");
    env.check(::mdb_env_sync(env.handle(), 1), "flush a new state");
  }
  machine_files().sync_directory(directory / "blobs");
}

void refuse_or_warn(const std::filesystem::path& directory, std::vector<std::string>* warnings) {
  const file_system_verdict verdict = verdict_on_file_system_of(directory);
  if (verdict.refused) throw error(errc::bad_argument, verdict.sentence);
  if (warnings == nullptr) return;
  if (!verdict.sentence.empty()) warnings->push_back(verdict.sentence);
}

void warn_of_permissions(const std::filesystem::path& state, std::vector<std::string>* warnings) {
  if (warnings == nullptr) return;
  if (std::string sentence = warning_of_permissions(state); !sentence.empty()) warnings->push_back(std::move(sentence));
}

[[noreturn]] void throw_foreign(const std::filesystem::path& state) {
  throw error(errc::not_a_state, "lmdb: " + state.string() +
                                     " has files in it and was not made by pawl; give the name of another directory");
}

[[noreturn]] void throw_missing(const std::filesystem::path& state) {
  throw error(errc::not_a_state,
              "lmdb: there is no state " + state.string() + "; check the path, or run the workflow that makes it");
}

// LMDB tells readers apart by pid, so processes of two PID namespaces must not share an environment.
void refuse_other_namespace(const std::filesystem::path& state) {
  const auto owner = other_owner(state);
  if (!owner || owner->pid_namespace == 0 || owner->pid_namespace == own_pid_namespace()) return;
  throw error(errc::state_in_use, "lmdb: " + state.string() + " is open in process " + std::to_string(owner->pid) +
                                      " of another PID namespace (container); look at it from there, or when that "
                                      "process has ended");
}

// Which way a state is kept is chosen at each opening; but what one way left undone the other cannot do.
void refuse_undrained(const std::filesystem::path& state, const journal_mark& mark) {
  if (mark.drained) return;
  throw error(errc::bad_argument, "lmdb: " + state.string() +
                                      " has a journal that is not folded in yet; open it once alone (opening::exclusive) "
                                      "and close it, then it can be shared");
}

std::unique_ptr<environment> open_environment(const std::filesystem::path& state, const lmdb_options& options) {
  if (options.kept == keeping::shared) {
    refuse_other_namespace(state);
    return std::make_unique<environment>(state, access_mode::share, map_size_of(options), owner_lock::join(state));
  }
  auto env = std::make_unique<environment>(state, access_mode::write, map_size_of(options), owner_lock::take(state));
  remove_unfinished_rewrite(state);
  return env;
}

// It sits before its record can be seen, at `number` or the next one that is free. All must be of one namespace, and of those
// that came at the same moment refuse_other_namespace may have seen none.
void become_member(write_transaction& txn, environment& env, std::uint64_t& number) {
  for (const member& one : read_members(txn))
    if (one.pid_namespace != own_pid_namespace() && env.lock().who_sits(one.number))
      throw error(errc::state_in_use, "lmdb: " + env.state().string() + " is shared by process " + std::to_string(one.pid) +
                                          " of another PID namespace (container); share it from there, or when that process "
                                          "has ended");
  for (int left = seats_tried_max; !env.lock().take_seat(number); ++number)
    if (--left == 0)
      throw error(errc::state_in_use, "lmdb: the places for processes in " + (env.state() / "owner").string() +
                                          " are locked by another program; find out which one holds locks on that file");
  write_member(txn, {number, static_cast<std::uint64_t>(::getpid()), own_pid_namespace()});
}

std::unique_ptr<environment> open_for_writing(const std::filesystem::path& state, const lmdb_options& options,
                                              opening_record& opening) {
  auto env = open_environment(state, options);
  flush_names_of(state);
  write_transaction txn(*env);
  env->set_identity(read_identity(txn));
  check_records(txn);
  opening = read_opening(txn);
  ++opening.epoch;
  opening.kept = options.kept;
  opening.durability = options.durability;
  opening.pid_namespace = own_pid_namespace();
  journal_mark mark = read_mark(txn);
  if (options.kept != keeping::journaled) refuse_undrained(state, mark);
  if (options.prepare) options.prepare(state, env->uuid(), mark);
  if (options.kept == keeping::shared) become_member(txn, *env, opening.epoch);
  else remove_all_members(txn);
  mark.drained = options.kept != keeping::journaled;
  write_mark(txn, mark);
  write_opening(txn, opening);
  txn.commit("raise the epoch");
  return env;
}

std::unique_ptr<environment> open_for_reading(const std::filesystem::path& state, const page_checker& pages) {
  refuse_other_namespace(state);
  auto env = std::make_unique<environment>(state, access_mode::read, default_map_size(), owner_lock(), pages);
  const read_transaction txn(*env);
  env->set_identity(read_identity(txn));
  if (!pages) check_records(txn);  // who looks at the pages looks at these, too
  return env;
}

void pass_on(const environment& env, std::vector<std::string>* warnings) {
  if (warnings != nullptr) warnings->insert(warnings->end(), env.warnings().begin(), env.warnings().end());
}

}  // namespace

std::unique_ptr<lmdb_backend> open_lmdb_to_write(const std::filesystem::path& state, const lmdb_options& options) {
  const auto path = settled_path(state);
  auto content = content_of(path);
  refuse_or_warn(content == directory_content::missing ? path.parent_path() : path, options.warnings);
  if (content == directory_content::missing || content == directory_content::empty) {
    if (!options.create) throw_missing(path);
    make_state_directory(path, [&](const std::filesystem::path& fresh) { fill_new_state(fresh, options); });
    content = content_of(path);
  }
  if (content != directory_content::state) throw_foreign(path);
  warn_of_permissions(path, options.warnings);
  opening_record opening;
  auto env = open_registered(path, access_mode::write, [&] { return open_for_writing(path, options, opening); });
  pass_on(*env, options.warnings);
  return std::make_unique<lmdb_backend>(std::move(env), opening.epoch, options);
}

std::unique_ptr<backend> open_lmdb(const std::filesystem::path& state, const lmdb_options& options) {
  return open_lmdb_to_write(state, options);
}

std::unique_ptr<lmdb_reader> open_lmdb_to_read(const std::filesystem::path& state, std::vector<std::string>* warnings,
                                               const page_checker& pages) {
  const auto path = settled_path(state);
  const auto content = content_of(path);
  if (content == directory_content::missing || content == directory_content::empty) throw_missing(path);
  if (content == directory_content::foreign) throw_foreign(path);
  refuse_or_warn(path, warnings);
  warn_of_permissions(path, warnings);
  auto env = open_registered(path, access_mode::read, [&] { return open_for_reading(path, pages); });
  pass_on(*env, warnings);
  return std::make_unique<lmdb_reader>(std::move(env), machine_files());
}

std::unique_ptr<backend> open_lmdb_reader(const std::filesystem::path& state, std::vector<std::string>* warnings) {
  return open_lmdb_to_read(state, warnings);
}

}  // namespace pawl::core
