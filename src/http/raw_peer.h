// For tests: the other end of a connection, which speaks bytes as they are.
#pragma once

#include <memory>
#include <string>

#include "net/stream.h"

namespace weir::http {

class Peer final : public net::StreamHandler {
 public:
  Peer(net::Loop& loop, const net::Address& address) {
    stream = net::Stream::connect(loop, address, *this, {});
    stream->setReading(true);
  }
  void onReadable() override {
    std::byte buffer[64 * 1024];
    const auto got = stream->read(buffer);
    if (got.kind == net::Stream::ReadResult::kBytes) received.append(reinterpret_cast<char*>(buffer), got.bytes);
    if (got.kind == net::Stream::ReadResult::kEnd) ended = true;
    if (got.kind == net::Stream::ReadResult::kError) broken = true;
  }
  void onError(const net::StreamError&) override { broken = true; }
  void send(std::string_view bytes) { stream->write(bytes); }
  bool closed() const { return ended || broken; }
  // Whether `text` has arrived; forgets everything up to its end.
  bool take(std::string_view text) {
    const size_t at = received.find(text);
    if (at == std::string::npos) return false;
    taken = received.substr(0, at + text.size());
    received.erase(0, at + text.size());
    return true;
  }

  std::unique_ptr<net::Stream> stream;
  std::string received;
  std::string taken;
  bool ended = false;
  bool broken = false;
};

}  // namespace weir::http
