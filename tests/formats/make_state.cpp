// Makes the state that tests/formats holds of each format: one of everything (support/whole_state.hpp), with its last run killed.
//
//   make_state STATE
#include "support/whole_state.hpp"

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    pawl::test::whole::make(argv[1]);
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "make_state: %s\n", failure.what());
    return 1;
  }
}
