// HTTP/1.1 without sockets: a request's head in, a response's head out.
#include <benchmark/benchmark.h>

#include "base/check.h"
#include "http/codec/encoder.h"
#include "http/codec/request_decoder.h"
#include "micro/samples.h"

namespace weir::bench {
namespace {

class Sink final : public http::RequestSink {
 public:
  void onHead(const http::RequestHead& head) override { fields += head.headers.size(); }
  void onBody(std::span<const std::byte>) override {}
  void onEnd() override { ++requests; }
  size_t fields = 0;
  size_t requests = 0;
};

void requestDecoder(benchmark::State& state, std::string_view text) {
  http::RequestDecoder decoder{http::HttpLimits{}};
  Sink sink;
  const std::span bytes(reinterpret_cast<const std::byte*>(text.data()), text.size());
  for (auto _ : state) {
    auto rest = bytes;
    while (!rest.empty()) rest = rest.subspan(*decoder.feed(rest, sink));
  }
  CHECK(sink.requests == static_cast<size_t>(state.iterations()));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK_CAPTURE(requestDecoder, browser, kRequestText);
BENCHMARK_CAPTURE(requestDecoder, smallest, std::string_view("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"));

void responseHead(benchmark::State& state) {
  http::HeaderList headers;
  headers.add("content-type", "text/html; charset=utf-8");
  headers.add("cache-control", "max-age=60");
  headers.add("cf-ray", "0123456789abcdef-WEI");
  const std::string date = http::formatDate(1'700'000'000);
  http::ResponseFraming framing;
  framing.framing = http::Framing::kLength;
  framing.contentLength = 1024;
  framing.date = date;
  std::string out;
  for (auto _ : state) {
    out.clear();
    CHECK(http::appendResponseHead(out, 200, headers, framing));
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(out.size()));
}
BENCHMARK(responseHead);

}  // namespace
}  // namespace weir::bench
