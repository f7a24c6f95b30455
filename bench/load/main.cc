// bench_load: sends a fixed number of requests to a server on loopback and prints what it measured as one JSON object.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "load/run.h"

namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + '"';
}

}  // namespace

int main(int argc, char** argv) {
  using weir::bench::percentile;
  CLI::App app{"bench_load: a fixed number of keep-alive requests to 127.0.0.1, measured; prints JSON"};
  weir::bench::RunOptions options;
  std::string host = "localhost", path = "/", method = "GET", body, type = "application/json";
  uint32_t timeMaxMs = 60'000, pauseUs = 0;
  app.add_option("--port", options.port, "Port of the server")->required();
  app.add_option("--host", host, "Host header")->capture_default_str();
  app.add_option("--path", path, "Target of every request")->capture_default_str();
  app.add_option("--method", method, "Method of every request")->capture_default_str();
  app.add_option("--body", body, "Body of every request");
  app.add_option("--content-type", type, "Of that body")->capture_default_str();
  app.add_option("--connections", options.connections, "Keep-alive connections")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  app.add_option("--requests", options.requests, "Requests that count")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000'000));
  app.add_option("--warmup", options.warmup, "Requests before those")->capture_default_str();
  app.add_option("--expect-bytes", options.expectBytes, "Length of every answer's body; 0: any")->capture_default_str();
  app.add_option("--time-max-ms", timeMaxMs, "The run ends after this long, finished or not")->capture_default_str();
  app.add_option("--pause-us", pauseUs, "Wait between an answer and the next request")->capture_default_str();
  app.add_option("--cpu-of", options.processes, "Processes whose CPU time is measured")->delimiter(',');
  app.footer("Example:\n  bench_load --port 8787 --host hello.local.workers.localhost --requests 100000");
  CLI11_PARSE(app, argc, argv);

  signal(SIGPIPE, SIG_IGN);
  options.timeMax = std::chrono::milliseconds(timeMaxMs);
  options.pause = std::chrono::microseconds(pauseUs);
  options.request = method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\n";
  if (!body.empty())
    options.request += "Content-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  options.request += "\r\n" + body;

  const auto result = weir::bench::run(options);
  const auto& us = result.latenciesUs;
  std::printf(
      "{\"answered\":%llu,\"failed\":%llu,\"unanswered\":%llu,\"bodyBytes\":%llu,\"seconds\":%.6f,"
      "\"latencyUs\":{\"p50\":%u,\"p90\":%u,\"p99\":%u,\"max\":%u},\"cpuNs\":{",
      static_cast<unsigned long long>(result.answered), static_cast<unsigned long long>(result.failed),
      static_cast<unsigned long long>(result.unanswered), static_cast<unsigned long long>(result.bodyBytes),
      result.seconds, percentile(us, 0.5), percentile(us, 0.9), percentile(us, 0.99), percentile(us, 1.0));
  for (size_t i = 0; i < result.cpu.size(); ++i) {
    std::printf("%s\"%d\":%lld", i == 0 ? "" : ",", result.cpu[i].process, static_cast<long long>(result.cpu[i].ns));
  }
  std::printf("},\"failure\":%s}\n", quoted(result.firstFailure).c_str());
  return 0;
}
