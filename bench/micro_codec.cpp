// What it costs to encode and decode a value, per value.
//
//   build/bench/micro_codec --benchmark_filter=string
#include <pawl/codec.hpp>
#include <pawl/error.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

struct page {
  std::string url;
  std::int32_t status = 0;
  double seconds = 0;
  bool fresh = false;
  std::vector<std::string> links;
};

std::uint64_t make(std::uint64_t, std::int64_t) { return 42; }
std::string make(const std::string&, std::int64_t bytes) { return std::string(static_cast<std::size_t>(bytes), 'r'); }
std::vector<double> make(const std::vector<double>&, std::int64_t count) {
  return std::vector<double>(static_cast<std::size_t>(count), 0.5);
}
page make(const page&, std::int64_t links) {
  return {"https://example.org/index.html", 200, 0.125, true,
          std::vector<std::string>(static_cast<std::size_t>(links), "https://example.org/another")};
}

// Into a buffer that is there already, as the engine's lanes are.
class fixed_encoder final : public pawl::encoder {
public:
  explicit fixed_encoder(std::size_t size) : room_(size) {}
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {room_.data(), static_cast<std::size_t>(cursor_ - room_.data())};
  }
  void rewind() noexcept {
    cursor_ = room_.data();
    end_ = cursor_ + room_.size();
  }

private:
  void make_room(std::size_t) override { throw pawl::error(pawl::errc::too_large, "the bench's buffer is full"); }
  std::vector<std::byte> room_;
};

template <class T>
void encode(benchmark::State& state) {
  const T value = make(T{}, state.range(0));
  fixed_encoder into(pawl::encode(value).size());
  for (auto _ : state) {
    into.rewind();
    pawl::encode(value, into);
    benchmark::DoNotOptimize(into.bytes().data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(into.bytes().size()));
}

template <class T>
void decode(benchmark::State& state) {
  const std::vector<std::byte> bytes = pawl::encode(make(T{}, state.range(0)));
  for (auto _ : state) {
    T value = pawl::decode<T>(bytes);
    benchmark::DoNotOptimize(value);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}

}  // namespace

BENCHMARK_TEMPLATE(encode, std::uint64_t)->Name("encode_u64")->Arg(0);
BENCHMARK_TEMPLATE(encode, std::string)->Name("encode_string")->Arg(16)->Arg(100)->Arg(16 << 10);
BENCHMARK_TEMPLATE(encode, std::vector<double>)->Name("encode_doubles")->Arg(16)->Arg(2048);
BENCHMARK_TEMPLATE(encode, page)->Name("encode_page_with_links")->Arg(0)->Arg(16);
BENCHMARK_TEMPLATE(decode, std::uint64_t)->Name("decode_u64")->Arg(0);
BENCHMARK_TEMPLATE(decode, std::string)->Name("decode_string")->Arg(16)->Arg(100)->Arg(16 << 10);
BENCHMARK_TEMPLATE(decode, std::vector<double>)->Name("decode_doubles")->Arg(16)->Arg(2048);
BENCHMARK_TEMPLATE(decode, page)->Name("decode_page_with_links")->Arg(0)->Arg(16);
BENCHMARK_MAIN();
