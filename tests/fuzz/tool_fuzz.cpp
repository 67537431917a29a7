// The command line of the tool, over a small state: any words end in order, with one of the exit codes that are promised.
//
// The input is words: a byte below 0x80 chooses one that means something, another begins a word of the input's own. No
// word has a slash, so that --output writes nowhere but into the folder of this program.
#include "fuzz.hpp"

#include "cli/command.hpp"
#include "cli/tool.hpp"

#include <pawl/pawl.hpp>

#include <spdlog/logger.h>
#include <spdlog/sinks/null_sink.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

using namespace pawl;
using namespace pawl::fuzz;

namespace {

constexpr table<"numbers", std::string, std::int64_t> numbers;

constexpr std::string_view words[] = {
    "s",        "s",         "s",          "status",  "ls",       "show",     "describe", "plan",      "export",    "table",
    "rerun",    "retry",     "skip",       "prune",   "top",      "verify",   "--json",   "--jsonl",   "--csv",     "--hex",
    "--int",    "--text",    "--workflow", "-w",      "shop",     "--state",  "-s",       "done",      "failed",    "skipped",
    "pending",  "--limit",   "-n",         "0",       "1",        "3",        "--after",  "1.1",       "--prefix",  "a",
    "bad",      "--key",     "--from",     "write",   "read",     "--reason", "--done-for", "30d",     "--keep",    "--force",
    "--output", "-o",        "out",        "--help",  "--version", "--",      "numbers",  "7",         "-7",        "--no-values",
    "compact",  "backup",    "copy",       "--repair",
    "none",     "18446744073709551616",    "-9223372036854775808", "",        "--all",    "x.y",       "1.99999999999999999999"};

// A state with items in each state, in a folder of its own, which becomes this process's.
void make_state_here() {
  std::string folder = (std::filesystem::temp_directory_path() / "pawl-fuzz-XXXXXX").string();
  must(::mkdtemp(folder.data()) != nullptr && ::chdir(folder.c_str()) == 0);
  std::signal(SIGPIPE, SIG_IGN);
  const auto shop = workflow<"shop">(step<"read">([](const std::string& key) { return key.size(); }),
                                     step<"write">([](std::size_t size) {
                                       if (size == 3) throw std::runtime_error("cannot write \x1b[31m");
                                       if (size == 4) throw skip_item("no");
                                       return std::vector<std::size_t>(3, size);
                                     }),
                                     transactional<"count">([](const std::vector<std::size_t>& sizes, transaction& tx) {
                                       tx.put(numbers, std::to_string(sizes.front()), 1);
                                     }));
  engine_options options;
  options.logger = std::make_shared<spdlog::logger>("quiet", std::make_shared<spdlog::sinks::null_sink_mt>());
  options.workers = 1;
  engine machine("s", options);
  static_cast<void>(machine.run(shop, std::vector<std::string>{"a", "bad", "none", "7", "longer than the others", "\xff\x01"}));
}

}  // namespace

void pawl::fuzz::feed(std::span<const std::byte> input) {
  static const bool made = (make_state_here(), true);
  must(made);
  std::vector<std::string> line{"pawl"};
  input_reader in(input);
  while (!in.empty() && line.size() < 24) {
    const auto first = in.take<std::uint8_t>();
    if (first < 0x80) {
      line.emplace_back(words[first % std::size(words)]);
      continue;
    }
    const auto own = in.bytes(first & 0x1f);
    std::string word(reinterpret_cast<const char*>(own.data()), own.size());
    for (char& c : word)
      if (c == '/' || c == '\0') c = '.';
    line.push_back(word);
  }
  if (std::find(line.begin(), line.end(), "top") != line.end()) line.emplace_back("--once");  // else it looks for ever
  std::filesystem::remove_all("copy");
  std::vector<char*> argv;
  for (std::string& one : line) argv.push_back(one.data());
  argv.push_back(nullptr);
  const int code = cli::run_tool(static_cast<int>(line.size()), argv.data());
  must(code >= cli::exit_ok && code <= cli::exit_damaged);
}

std::vector<std::vector<std::byte>> pawl::fuzz::seeds() {
  const auto line_of = [](std::initializer_list<std::string_view> wanted) {
    std::vector<std::byte> one;
    for (const std::string_view word : wanted) {
      const auto* const at = std::find(std::begin(words), std::end(words), word);
      must(at != std::end(words));
      one.push_back(static_cast<std::byte>(at - std::begin(words)));
    }
    return one;
  };
  return {line_of({"status", "s"}),
          line_of({"ls", "s", "--json", "--state", "failed", "--limit", "1"}),
          line_of({"show", "s", "bad", "--json"}),
          line_of({"show", "s", "--int", "--", "-7"}),
          line_of({"describe", "s", "--json"}),
          line_of({"plan", "s"}),
          line_of({"export", "s", "--csv", "-o", "out"}),
          line_of({"table", "s", "numbers", "--json"}),
          line_of({"rerun", "s", "shop", "--from", "write", "--state", "done"}),
          line_of({"retry", "s", "shop", "--key", "bad"}),
          line_of({"skip", "s", "shop", "bad", "--reason", "none"}),
          line_of({"prune", "s", "shop", "--done-for", "30d"}),
          line_of({"verify", "s", "--json"}),
          line_of({"verify", "s", "--repair"}),
          line_of({"compact", "s"}),
          line_of({"backup", "s", "copy"}),
          line_of({"top", "s", "--json"})};
}
