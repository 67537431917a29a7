// Exactly once: orders are booked into tables, and the balance comes out to the cent however often this is killed.
//
//   build/workflows/orders run   --items N --state DIR [--durability power|process]
//   build/workflows/orders check --state DIR
//
// `run` goes on where an earlier run ended. `check` prints how many items are booked, the total of all balances, and a
// digest of each table: after any number of kills, those of an undisturbed run. Exit codes: 0 well, 1 the balance is off
// or orders failed, 2 wrong usage or a state that cannot be used.
#include "orders.hpp"

#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>

#include <CLI/CLI.hpp>

#include <cstdint>
#include <iomanip>
#include <iostream>
#include <map>
#include <string>

namespace {

// FNV-1a over the numbers of the entries, in the order of the keys.
class digest {
public:
  template <class... Number>
  void add(Number... numbers) {
    (add_one(static_cast<std::uint64_t>(numbers)), ...);
  }
  friend std::ostream& operator<<(std::ostream& out, const digest& of) {
    return out << std::hex << std::setw(16) << std::setfill('0') << of.sum_ << std::dec;
  }

private:
  void add_one(std::uint64_t number) {
    for (int byte = 0; byte < 8; ++byte) sum_ = (sum_ ^ (number >> (8 * byte) & 0xff)) * 0x100000001b3;
  }
  std::uint64_t sum_ = 0xcbf29ce484222325;
};

int run(const std::string& state, std::uint64_t items, const std::string& durability) {
  pawl::engine_options options;
  if (durability == "process") options.durability = pawl::durability::process;
  pawl::engine engine{state, options};
  const pawl::report report = engine.run(orders::booking(), orders::numbers_up_to(items));
  std::cout << report << '\n';
  return report.done == items ? 0 : 1;
}

int check(const std::string& state) {
  const pawl::state_view seen{state};
  std::uint64_t done = 0;
  for (const pawl::workflow_view& one : seen.workflows())
    if (one.name == "orders") done = one.count(pawl::item_state::done);

  const pawl::table_view view = seen.view();
  std::map<std::uint32_t, std::int64_t> expected;  // what the ledger makes of the accounts
  std::uint64_t booked = 0;
  bool well = true;
  digest of_ledger;
  for (const auto& [number, what] : view.scan(orders::ledger)) {
    well = well && what == orders::order_of(number);
    expected.try_emplace(what.from, orders::opening_cents).first->second -= what.cents;
    expected.try_emplace(what.to, orders::opening_cents).first->second += what.cents;
    of_ledger.add(number, what.from, what.to, what.cents);
    ++booked;
  }
  std::int64_t total = orders::opening_cents * orders::account_count;
  std::size_t accounts = 0;
  digest of_accounts;
  for (const auto& [account, cents] : view.scan(orders::accounts)) {
    const auto wanted = expected.find(account);
    well = well && wanted != expected.end() && wanted->second == cents;
    total += cents - orders::opening_cents;
    of_accounts.add(account, cents);
    ++accounts;
  }
  well = well && accounts == expected.size() && booked == done &&
         total == orders::opening_cents * orders::account_count;
  std::cout << "items: " << done << "\nbooked: " << booked << "\ntotal: " << total / 100 << '.' << std::setw(2)
            << std::setfill('0') << total % 100 << "\naccounts: " << of_accounts << "\nledger: " << of_ledger << '\n';
  if (!well) std::cout << "The balance is off.\n";
  return well ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  std::string state;
  std::uint64_t items = 100'000;
  std::string durability = "power";
  CLI::App app{"Orders booked into tables, exactly once."};
  app.require_subcommand(1);
  CLI::App* const running = app.add_subcommand("run", "book what is not booked yet");
  running->add_option("--items", items, "how many orders there are")->capture_default_str();
  running->add_option("--durability", durability, "what a recorded step survives")
      ->check(CLI::IsMember({"power", "process"}))
      ->capture_default_str();
  CLI::App* const checking = app.add_subcommand("check", "say whether the tables are right");
  for (CLI::App* const command : {running, checking}) command->add_option("--state", state, "the state")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return running->parsed() ? run(state, items, durability) : check(state);
} catch (const pawl::error& error) {
  std::cerr << "orders: " << error.what() << '\n';
  return 2;
}
