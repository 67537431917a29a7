// The smallest whole use of pawl: one chain, two items, a report. Run in an
// empty folder; exit code 0 where the report counts what was done.
#include <pawl/pawl.hpp>

#include <iostream>
#include <string>
#include <vector>

int main() {
  auto shout = pawl::workflow<"shout">(pawl::pure<"measure">([](const std::string& word) { return word.size(); }),
                                       pawl::step<"print">([](std::size_t size) {
                                         std::cout << std::string(size, '!') << '\n';
                                         return size;
                                       }));

  pawl::engine engine{"consumer.pawl"};
  const pawl::report report = engine.run(shout, std::vector<std::string>{"one", "three"});
  std::cout << report << '\n';
  return report.done == 2 && engine.result<std::size_t>(shout, "three") == 5U ? 0 : 1;
}
