// index: a directory tree into a full-text index, one item per file.
//
//   index build DIR --db FILE [--state DIR] [--workers N] [--max-bytes N]
//   index search WORDS... --db FILE [--limit N]
//   index dump --db FILE [--check]
//
// Kill it at any moment and run it again: every file goes on at the step that it
// had reached. A file that changed is done again, one that vanished is removed.
//
// Exit codes: 0 done; 1 some files failed, or no document has the words; 2 wrong
// usage, or it cannot run at all; 3 stopped by a signal, run it again to go on.
//
// To compare two indexes of one tree, compare `index dump --db FILE`.
#include "database.hpp"
#include "text.hpp"
#include "tree.hpp"

#include <pawl/pawl.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using index_database::writer;
using index_text::document;
using index_tree::file;

namespace {

constexpr int exit_done = 0;
constexpr int exit_some_failed = 1;
constexpr int exit_cannot_run = 2;
constexpr int exit_stopped = 3;

// The chain. `into` must outlive the runs.
auto index_of(writer& into, std::uint64_t max_bytes) {
  return pawl::workflow<"index">(
             pawl::step<"read">([max_bytes](const file& from) -> pawl::outcome<std::string> {
               index_tree::contents found = index_tree::read_file(from.path, max_bytes);
               if (!found.skipped.empty()) return pawl::skip(found.skipped);
               if (!found.failed.empty()) return pawl::fail(found.failed);
               if (index_text::is_binary(found.bytes)) return pawl::skip("binary: it holds zero bytes");
               return std::move(found.bytes);
             }),

             pawl::pure<"transform">([](const std::string& bytes) { return index_text::understand(bytes); }),

             pawl::batch<"write">(
                 [&into](pawl::batch_view<document, pawl::item<file>> documents) {
                   auto transaction = into.begin();  // undone where a document cannot be put
                   for (const auto& one : documents) into.put(one.get<pawl::item<file>>(), one.value);
                   transaction.commit();
                 },
                 {.max_items = 500, .max_delay = 50ms})
                 .concurrency(pawl::serial)  // SQLite has one writer
                 .retry({.attempts = 3, .first_delay = 200ms}))
      .key(&file::path);
}

struct arguments {
  std::string folder;
  std::string db;
  std::string state;
  std::size_t workers = 0;
  std::uint64_t max_bytes = std::uint64_t{4} << 20;
  std::vector<std::string> words;
  int limit = 10;
  bool check = false;
};

// What the build itself writes must not become its own input.
std::vector<std::string> own_files(const arguments& given) {
  std::vector<std::string> own;
  for (const std::string& path : {given.db, given.db + "-wal", given.db + "-shm", given.db + "-journal", given.state})
    own.push_back(std::filesystem::weakly_canonical(path).native());
  return own;
}

void print_summary(const pawl::report& report, const std::vector<std::string>& vanished) {
  std::uint64_t indexed = 0;
  for (const pawl::step_report& step : report.step_reports)
    if (step.name == "write") indexed = step.completed;
  for (const std::string& path : vanished) std::cout << "vanished: " << index_text::printable(path) << '\n';
  std::cout << "indexed " << indexed << ", unchanged " << report.done - indexed << ", skipped " << report.skipped
            << ", failed " << report.failed << ", vanished " << vanished.size();
  if (report.stopped) std::cout << "; stopped before the end: run it again to go on";
  std::cout << '\n';
}

int build(const arguments& given) {
  const std::string root = index_tree::folder_to_walk(given.folder);
  pawl::engine engine{given.state, {.workers = given.workers}};
  writer into(given.db);
  const std::vector<std::string> vanished = into.forget_stale(root, given.max_bytes);

  index_tree::walk walk(root, own_files(given));
  const auto files = pawl::generate([&]() -> std::optional<file> {
    std::optional<file> found = walk.next();
    // Whether it may be read, and is small enough, can change while the file does not.
    if (found)
      found->edition = into.edition_of(found->path) << 2 | (found->size <= given.max_bytes ? 2U : 0U) |
                       (index_tree::readable(found->path) ? 1U : 0U);
    return found;
  });

  const pawl::report report = engine.run(
      index_of(into, given.max_bytes), files,
      {.on_changed_input = pawl::on_changed_input::rerun, .stop_on_signals = true, .progress = pawl::progress_bar{}});
  std::cout << report << '\n';
  print_summary(report, vanished);
  if (report.stopped) return exit_stopped;
  return report.failed == 0 ? exit_done : exit_some_failed;
}

// A piece of text on one line.
std::string one_line(const std::string& text) {
  std::string line;
  for (const char byte : text) {
    const bool space = byte == ' ' || (byte >= '\t' && byte <= '\r');
    if (!space)
      line += byte;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  return index_text::printable(line);
}

int search(const arguments& given) {
  const std::vector<index_database::hit> hits = index_database::search(given.db, given.words, given.limit);
  for (const index_database::hit& hit : hits)
    std::cout << index_text::printable(hit.path) << "\n    " << index_text::printable(hit.title) << "\n    "
              << one_line(hit.snippet) << '\n';
  if (hits.empty()) std::cerr << "no document has all of these words\n";
  return hits.empty() ? exit_some_failed : exit_done;
}

int dump(const arguments& given) {
  index_database::dump(given.db, given.check, [](const std::string& line) { std::cout << line << '\n'; });
  return exit_done;
}

}  // namespace

int main(int argc, char** argv) try {
  arguments given;
  int (*command)(const arguments&) = nullptr;
  CLI::App app{"A directory tree into an SQLite full-text index, by a pawl workflow that can be killed at any moment."};
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done; 1 some files failed, or no document has the words;\n"
      "2 wrong usage, or it cannot run; 3 stopped by a signal, run it again to go on.");

  CLI::App* build_command = app.add_subcommand("build", "Index DIR, or bring its index up to date");
  build_command->add_option("DIR", given.folder, "the folder to index, with all below it")->required();
  build_command->add_option("--db", given.db, "the index: an SQLite database, made if it is not there")->required();
  build_command->add_option("--state", given.state, "where the engine records what is done (FILE.pawl unless given)");
  build_command->add_option("--workers", given.workers, "threads; 0: one per core")->capture_default_str();
  build_command->add_option("--max-bytes", given.max_bytes, "larger files are skipped")->capture_default_str();
  build_command->callback([&] { command = build; });

  CLI::App* search_command = app.add_subcommand("search", "Print the documents that have all of the words, best first");
  search_command->add_option("WORDS", given.words, "what to look for")->required();
  search_command->add_option("--db", given.db, "the index")->required();
  search_command->add_option("--limit", given.limit, "documents at most")->capture_default_str();
  search_command->callback([&] { command = search; });

  CLI::App* dump_command = app.add_subcommand("dump", "Print the index as text, the same for the same tree");
  dump_command->add_option("--db", given.db, "the index")->required();
  dump_command->add_flag("--check", given.check, "also let the full-text index compare itself with its text");
  dump_command->callback([&] { command = dump; });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_done : exit_cannot_run;
  }
  if (given.state.empty()) given.state = given.db + ".pawl";
  return command(given);
} catch (const std::exception& error) {
  std::cerr << "index: " << error.what() << '\n';
  return exit_cannot_run;
}
