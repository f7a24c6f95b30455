// The wire: messages to bytes and back, and a record through a ring within one thread.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>

#include "base/check.h"
#include "micro/samples.h"
#include "wire/codec.h"
#include "wire/ring.h"

namespace weir::bench {
namespace {

template <class Set, class Message>
void encodeLoop(benchmark::State& state, const Message& message) {
  std::vector<uint8_t> out;
  for (auto _ : state) {
    out.clear();
    wire::encode<Set>(message, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(out.size()));
}

template <class Set, class Message>
void decodeLoop(benchmark::State& state, const Message& message) {
  std::vector<uint8_t> bytes;
  wire::encode<Set>(message, bytes);
  size_t decoded = 0;
  for (auto _ : state) {
    decoded += wire::decodeTo<Set>(bytes, [](const auto& got) { benchmark::DoNotOptimize(&got); });
  }
  CHECK(decoded == static_cast<size_t>(state.iterations()));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}

void encodeStartFetch(benchmark::State& state) {
  const Sample sample;
  encodeLoop<wire::Event>(state, sample.startFetch());
}
void decodeStartFetch(benchmark::State& state) {
  const Sample sample;
  decodeLoop<wire::Event>(state, sample.startFetch());
}
void encodeRespond(benchmark::State& state) {
  const Sample sample;
  encodeLoop<wire::Effect>(state, sample.respond());
}
void decodeRespond(benchmark::State& state) {
  const Sample sample;
  decodeLoop<wire::Effect>(state, sample.respond());
}
BENCHMARK(encodeStartFetch);
BENCHMARK(decodeStartFetch);
BENCHMARK(encodeRespond);
BENCHMARK(decodeRespond);

void headBlockCheck(benchmark::State& state) {
  const std::string head = headBlock();
  for (auto _ : state) CHECK(wire::isHeadBlock(head));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(head.size()));
}
BENCHMARK(headBlockCheck);

// Write, look whether to wake, read, give back.
void ring(benchmark::State& state) {
  constexpr size_t kCapacity = 1 << 20;
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  const std::unique_ptr<void, Free> memory(std::aligned_alloc(4096, wire::ringMemoryBytes(kCapacity)));
  std::fill_n(static_cast<char*>(memory.get()), wire::ringMemoryBytes(kCapacity), 0);
  wire::RingWriter writer(memory.get(), kCapacity);
  wire::RingReader reader(memory.get(), kCapacity);
  const std::vector<uint8_t> record(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    CHECK(writer.write(record));
    benchmark::DoNotOptimize(writer.takeWake());
    const auto got = reader.peek();
    CHECK(got && got->size() == record.size());
    reader.pop();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(ring)->Arg(128)->Arg(1024)->Arg(65536);

}  // namespace
}  // namespace weir::bench
