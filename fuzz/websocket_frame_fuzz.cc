// WebSocket frames: split input = whole input, whoever takes the pieces; bounds hold; nothing is delivered after a
// close frame or a failure; what was decoded is decoded again from its own encoding.
#include <algorithm>
#include <string>

#include "base/check.h"
#include "http/websocket/frame_decoder.h"
#include "http/websocket/frame_encoder.h"
#include "pieces.h"
#include "target.h"

namespace {

using namespace weir::http::websocket;

constexpr uint64_t kMessageBytesMax = 4096;
constexpr size_t kPieceBytesMax = 512;

class Transcript final : public MessageSink {
 public:
  explicit Transcript(FrameEncoder* echo) : echo_(echo) {}
  bool takesPieces() override { return budget > 0; }
  void onPiece(MessageKind kind, std::span<const std::byte> bytes, bool last) override {
    CHECK(!closed);
    CHECK(budget > 0);
    --budget;
    CHECK(last || !bytes.empty());
    CHECK(bytes.size() <= kPieceBytesMax);
    message.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    CHECK(message.size() <= kMessageBytesMax);
    if (echo_ != nullptr) echo_->piece(kind, bytes, last, encoded);
    if (!last) return;
    if (kind == MessageKind::kText) CHECK(isUtf8({reinterpret_cast<const std::byte*>(message.data()), message.size()}));
    text += (kind == MessageKind::kText ? "t" : "b") + std::to_string(message.size()) + ":" + message;
    message.clear();
  }
  void onPing(std::span<const std::byte> payload) override {
    CHECK(!closed);
    CHECK(payload.size() <= kControlBytesMax);
    control += 'p';
  }
  void onPong() override {
    CHECK(!closed);
    control += 'q';
  }
  void onClose(uint16_t code, std::string_view reason) override {
    CHECK(!closed);
    CHECK(code == kNoStatus || isCloseCode(code));
    CHECK(reason.size() <= kReasonBytesMax);
    closed = true;
    control += std::to_string(code) + std::string(reason);
  }

  int budget = 1 << 30;
  bool closed = false;
  std::string message;
  std::string text;
  std::string control;
  std::string encoded;

 private:
  FrameEncoder* echo_;
};

Limits bounds() {
  Limits limits;
  limits.messageBytesMax = kMessageBytesMax;
  limits.pieceBytesMax = kPieceBytesMax;
  return limits;
}

// Feeds pieces whose sizes follow from `seed` and takes one piece at a time; 0 feeds everything at once.
std::string decode(std::span<const std::byte> bytes, Role role, const std::optional<DeflateParameters>& deflate,
                   unsigned seed, Transcript& sink) {
  FrameDecoder decoder(role, bounds(), deflate);
  weir::fuzz::Pieces pieces(seed);
  while (!bytes.empty() || decoder.due()) {
    const auto piece = pieces.first(bytes);
    if (seed != 0) sink.budget = 1;
    const auto fed = decoder.feed(piece, sink);
    if (!fed.ok()) {
      const std::string before = sink.text;
      CHECK(decoder.feed(piece, sink).error().code == fed.error().code);
      CHECK(sink.text == before);
      return sink.text + "|" + sink.control + "|failed " + std::to_string(fed.error().code);
    }
    CHECK(*fed <= piece.size());
    CHECK(*fed > 0 || piece.empty() || sink.budget == 0);
    bytes = bytes.subspan(*fed);
  }
  return sink.text + "|" + sink.control;
}

}  // namespace

// Conversations of either side, plain and compressed, as an encoder writes them.
std::vector<std::vector<uint8_t>> weir::fuzz::seeds() {
  class Fixed final : public MaskSource {
   public:
    std::array<uint8_t, 4> next() override { return {0, 0x20, 0, 0x7f}; }
  };
  const auto bytes = [](std::string_view text) {
    return std::span(reinterpret_cast<const std::byte*>(text.data()), text.size());
  };
  std::vector<std::vector<uint8_t>> all;
  for (const uint8_t choice : {0x00, 0x01, 0x72, 0x73, 0x7e, 0x7f}) {
    std::optional<DeflateParameters> deflate;
    if ((choice & 2) != 0) deflate.emplace(DeflateParameters{(choice & 4) != 0, (choice & 8) != 0, 15, 15});
    Fixed masks;
    FrameEncoder encoder((choice & 1) != 0 ? Role::kClient : Role::kServer, deflate, &masks);
    std::string wire(1, static_cast<char>(choice));
    encoder.piece(MessageKind::kText,
                  bytes("gr\xc3\xbc\xc3\x9f"
                        "e"),
                  true, wire);
    encoder.piece(MessageKind::kBinary, bytes(std::string(700, 'b')), true, wire);
    encoder.piece(MessageKind::kText, bytes("one "), false, wire);
    encoder.ping(bytes("p"), wire);
    encoder.piece(MessageKind::kText, bytes("two"), true, wire);
    encoder.pong({}, wire);
    encoder.close(4000, "bye", wire);
    all.emplace_back(wire.begin(), wire.end());
  }
  return all;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Role role = (data[0] & 1) != 0 ? Role::kServer : Role::kClient;
  std::optional<DeflateParameters> deflate;
  if ((data[0] & 2) != 0) {
    deflate.emplace();
    deflate->serverNoContextTakeover = (data[0] & 4) != 0;
    deflate->clientNoContextTakeover = (data[0] & 8) != 0;
    deflate->clientWindowBits = deflate->serverWindowBits = static_cast<uint8_t>(8 + (data[0] >> 4) % 8);
  }
  const std::span bytes(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  // The echo answers from the other side, so a client's decoder reads it.
  FrameEncoder echo(Role::kServer, deflate, nullptr);
  Transcript whole(&echo);
  const std::string expected = decode(bytes, role, deflate, 0, whole);
  Transcript split(nullptr);
  CHECK(decode(bytes, role, deflate, static_cast<unsigned>(size) | 1, split) == expected);
  Transcript again(nullptr);
  const std::string& encoded = whole.encoded;
  (void)decode({reinterpret_cast<const std::byte*>(encoded.data()), encoded.size()}, Role::kClient, deflate, 0, again);
  CHECK(again.text == whole.text);
  return 0;
}
