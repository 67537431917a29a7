// The smallest whole program: a chain of three steps, run over a few items.
//
//   build/workflows/hello [STATE]     run it twice: the second run finds everything done
#include <pawl/pawl.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

struct visitor {  // a plain aggregate: it is recorded without a macro or a base class
  std::string name;
  int visits = 0;
};

int main(int argc, char** argv) try {
  auto hello = pawl::workflow<"hello">(
      pawl::step<"look_up">([](const std::string& name) {  // a slow, unreliable service
        std::this_thread::sleep_for(50ms);
        return visitor{name, static_cast<int>(name.size())};
      })
          .retry({.attempts = 3, .first_delay = 100ms}),

      pawl::pure<"compose">([](const visitor& who) {
        return "Hello " + who.name + ", visitor number " + std::to_string(who.visits) + "!";
      }),

      pawl::step<"greet">([](std::string greeting) {
        std::cout << greeting + "\n";
        return greeting;  // what the last step returns is kept
      }));

  pawl::engine engine{argc > 1 ? argv[1] : "hello.pawl"};
  const pawl::report report = engine.run(hello, std::vector<std::string>{"Ada", "Boole", "Church", "Dijkstra"});

  std::cout << report << '\n';
  std::cout << "Ada was told: " << engine.result<std::string>(hello, "Ada").value_or("nothing") << '\n';
  return report.failed == 0 ? 0 : 1;
} catch (const pawl::error& error) {
  std::cerr << "hello: " << error.what() << '\n';
  return 2;
}
