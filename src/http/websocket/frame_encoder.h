// Messages to frames, into a buffer the caller reuses. A piece becomes a frame; a message in one piece that is worth
// it, and every message in several, is compressed when that was agreed.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/websocket/deflate.h"
#include "http/websocket/frame.h"

namespace weir::http::websocket {

// Where a client's masks come from: nobody may guess them (RFC 6455 §10.3).
class MaskSource {
 public:
  virtual ~MaskSource() = default;
  virtual std::array<uint8_t, 4> next() = 0;
};

// The system's randomness, fetched a page at a time.
class SystemMaskSource final : public MaskSource {
 public:
  std::array<uint8_t, 4> next() override;

 private:
  std::array<uint8_t, 4096> page_{};
  size_t at_ = sizeof page_;
};

class FrameEncoder {
 public:
  static constexpr size_t kWorthCompressingBytes = 256;

  // `masks` is borrowed; a server needs none.
  FrameEncoder(Role role, const std::optional<DeflateParameters>& deflate, MaskSource* masks);

  // The next piece of the current message; `last` ends it. All pieces of one message have its kind.
  void piece(MessageKind kind, std::span<const std::byte> bytes, bool last, std::string& out);
  bool inMessage() const { return inMessage_; }

  void ping(std::span<const std::byte> payload, std::string& out) { control(0x9, payload, out); }
  void pong(std::span<const std::byte> payload, std::string& out) { control(0xa, payload, out); }
  // kNoStatus: a close frame without a code. A reason that is too long is cut before the code point that does not fit.
  void close(uint16_t code, std::string_view reason, std::string& out);

 private:
  void control(uint8_t opcode, std::span<const std::byte> payload, std::string& out);
  void frame(uint8_t first, std::span<const std::byte> payload, std::string& out);

  const Role role_;
  MaskSource* masks_;
  std::optional<Deflater> deflater_;
  std::string deflated_;
  bool inMessage_ = false;
  bool compressing_ = false;
};

}  // namespace weir::http::websocket
