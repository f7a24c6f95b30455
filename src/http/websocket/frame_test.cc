#include "http/websocket/frame_decoder.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/byte_text.h"
#include "http/websocket/frame_encoder.h"

namespace weir::http::websocket {
namespace {

class Counter final : public MaskSource {
 public:
  std::array<uint8_t, 4> next() override {
    ++n_;
    return {static_cast<uint8_t>(n_ * 17), static_cast<uint8_t>(n_ * 31), static_cast<uint8_t>(n_ * 7), 0x55};
  }

 private:
  unsigned n_ = 0;
};

// Writes down what a decoder says; takes at most `budget` pieces.
class Transcript final : public MessageSink {
 public:
  bool takesPieces() override { return budget > 0; }
  void onPiece(MessageKind kind, std::span<const std::byte> bytes, bool last) override {
    EXPECT_GT(budget, 0);
    EXPECT_TRUE(last || !bytes.empty());
    --budget;
    ++pieces;
    largest = std::max(largest, bytes.size());
    message.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!last) return;
    text += (kind == MessageKind::kText ? "text:" : "binary:") + message + "\n";
    message.clear();
  }
  void onPing(std::span<const std::byte> payload) override {
    text += "ping:" + std::string(reinterpret_cast<const char*>(payload.data()), payload.size()) + "\n";
  }
  void onPong() override { text += "pong\n"; }
  void onClose(uint16_t code, std::string_view reason) override {
    text += "close:" + std::to_string(code) + ":" + std::string(reason) + "\n";
  }

  int budget = 1 << 30;
  int pieces = 0;
  size_t largest = 0;
  std::string message;
  std::string text;
};

// Everything, or in pieces of 1 to 16 bytes, with a sink that takes one piece at a time.
std::string decode(std::string_view bytes, Role role, bool split, const Limits& limits = {},
                   const std::optional<DeflateParameters>& deflate = {}) {
  FrameDecoder decoder(role, limits, deflate);
  Transcript sink;
  unsigned seed = 99;
  while (!bytes.empty() || decoder.due()) {
    auto piece = bytes;
    if (split) {
      seed = seed * 1103515245 + 12345;
      piece = bytes.substr(0, 1 + (seed >> 16) % 16);
      sink.budget = 1;
    }
    const auto fed = decoder.feed(base::asBytes(piece), sink);
    if (!fed.ok()) {
      EXPECT_EQ(decoder.feed(base::asBytes("x"), sink).error().code, fed.error().code);
      return sink.text + "failed:" + std::to_string(fed.error().code);
    }
    EXPECT_TRUE(*fed > 0 || sink.budget == 0 || bytes.empty());
    bytes.remove_prefix(*fed);
  }
  return sink.text;
}

std::string both(std::string_view bytes, Role role = Role::kClient, const Limits& limits = {}) {
  std::string whole = decode(bytes, role, false, limits);
  EXPECT_EQ(decode(bytes, role, true, limits), whole);
  return whole;
}

using namespace std::string_literals;

TEST(FrameDecoder, readsTheExamplesOfTheStandard) {  // RFC 6455 §5.7
  EXPECT_EQ(both("\x81\x05Hello"s), "text:Hello\n");
  EXPECT_EQ(both("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s, Role::kServer), "text:Hello\n");
  EXPECT_EQ(both("\x01\x03Hel\x80\x02lo"s), "text:Hello\n");
  EXPECT_EQ(both("\x89\x05Hello"s), "ping:Hello\n");
  EXPECT_EQ(both("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s, Role::kServer), "pong\n");
  EXPECT_EQ(both("\x82\x7e\x01\x00"s + std::string(256, 'b')), "binary:" + std::string(256, 'b') + "\n");
  EXPECT_EQ(both("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"s + std::string(65536, 'c')),
            "binary:" + std::string(65536, 'c') + "\n");
}

TEST(FrameDecoder, controlFramesStandBetweenFragments) {
  EXPECT_EQ(both("\x01\x01"
                 "a\x89\x01p\x00\x00\x8a\x00\x80\x01"
                 "b"s),
            "ping:p\npong\ntext:ab\n");
}

TEST(FrameDecoder, emptyMessagesAreMessages) {
  EXPECT_EQ(both("\x81\x00\x82\x00\x01\x00\x80\x00"s), "text:\nbinary:\ntext:\n");
}

TEST(FrameDecoder, closeFramesCarryCodeAndReasonAndEndEverything) {
  EXPECT_EQ(both("\x88\x00\x81\x01x"s), "close:1005:\n");
  EXPECT_EQ(both("\x88\x02\x03\xe8"s), "close:1000:\n");
  EXPECT_EQ(both("\x88\x06\x0f\xa0"
                 "bye!"s),
            "close:4000:bye!\n");
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535}) {
    const std::string frame = {'\x88', 2, static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
    EXPECT_EQ(both(frame), "failed:1002") << code;
  }
  EXPECT_EQ(both("\x88\x01\x03"s), "failed:1002");
  EXPECT_EQ(both("\x88\x03\x03\xe8\xff"s), "failed:1007");
}

TEST(FrameDecoder, refusesWhatThePeerMayNotSend) {
  const struct {
    const char* what;
    std::string bytes;
    Role role;
  } cases[] = {
      {"an unmasked client",
       "\x81\x01"
       "a"s,
       Role::kServer},
      {"a masked server",
       "\x81\x81"
       "abcda"s,
       Role::kClient},
      {"a reserved bit", "\xa1\x00"s, Role::kClient},
      {"another one", "\x91\x00"s, Role::kClient},
      {"compression that was not agreed", "\xc1\x00"s, Role::kClient},
      {"an unknown data frame", "\x83\x00"s, Role::kClient},
      {"an unknown control frame", "\x8b\x00"s, Role::kClient},
      {"a fragmented ping", "\x09\x00"s, Role::kClient},
      {"a ping of 126 bytes", "\x89\x7e\x00\x7e"s, Role::kClient},
      {"a continuation of nothing", "\x80\x00"s, Role::kClient},
      {"a message in a message", "\x01\x00\x81\x00"s, Role::kClient},
      {"a length with its highest bit", "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"s, Role::kClient},
  };
  for (const auto& one : cases) EXPECT_EQ(both(one.bytes, one.role), "failed:1002") << one.what;
}

TEST(FrameDecoder, boundsMessagesWhateverTheirFrames) {
  Limits limits;
  limits.messageBytesMax = 10;
  EXPECT_EQ(both("\x82\x0a"
                 "0123456789"s,
                 Role::kClient, limits),
            "binary:0123456789\n");
  EXPECT_EQ(both("\x82\x0b"
                 "0123456789a"s,
                 Role::kClient, limits),
            "failed:1009");
  EXPECT_EQ(both("\x02\x06"
                 "012345\x80\x05"
                 "67890"s,
                 Role::kClient, limits),
            "failed:1009");
  EXPECT_EQ(both("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"s, Role::kClient, limits), "failed:1009");
}

TEST(FrameDecoder, textIsUtf8HoweverItIsCut) {
  EXPECT_EQ(both("\x81\x04\xf0\x9f\x98\x80"s), "text:\xf0\x9f\x98\x80\n");
  EXPECT_EQ(both("\x01\x02\xf0\x9f\x80\x02\x98\x80"s), "text:\xf0\x9f\x98\x80\n");
  EXPECT_EQ(both("\x81\x03\xf0\x9f\x98"s), "failed:1007");
  EXPECT_EQ(both("\x81\x02\xc0\x80"s), "failed:1007");
  EXPECT_EQ(both("\x81\x03\xed\xa0\x80"s), "failed:1007");
  EXPECT_EQ(both("\x82\x02\xc0\x80"s), "binary:\xc0\x80\n");
  // Found as soon as it cannot become valid, without the rest of the frame.
  EXPECT_EQ(both("\x01\x7e\xff\xff"
                 "abc\xff"s),
            "failed:1007");
}

TEST(FrameDecoder, piecesAreBoundedAndWaitForTheirTaker) {
  Limits limits;
  limits.pieceBytesMax = 1000;
  FrameDecoder decoder(Role::kClient, limits, {});
  Transcript sink;
  sink.budget = 2;
  const std::string bytes = "\x82\x7e\x0d\xac"s + std::string(3500, 'x') + "\x89\x00"s;
  auto fed = decoder.feed(base::asBytes(bytes), sink);
  ASSERT_TRUE(fed.ok());
  EXPECT_EQ(*fed, 4u + 2000u);
  EXPECT_EQ(sink.pieces, 2);
  EXPECT_TRUE(decoder.inMessage());
  const size_t before = *fed;
  EXPECT_EQ(*decoder.feed(base::asBytes(bytes.substr(before)), sink), 0u);
  sink.budget = 9;
  EXPECT_EQ(*decoder.feed(base::asBytes(bytes.substr(before)), sink), bytes.size() - before);
  EXPECT_EQ(sink.pieces, 4);
  EXPECT_LE(sink.largest, 1000u);
  EXPECT_EQ(sink.text, "binary:" + std::string(3500, 'x') + "\nping:\n");
  EXPECT_FALSE(decoder.inMessage());
}

TEST(FrameDecoder, anEmptyLastFrameWaitsForItsTakerToo) {
  FrameDecoder decoder(Role::kClient, {}, {});
  Transcript sink;
  sink.budget = 0;
  EXPECT_EQ(*decoder.feed(base::asBytes("\x81\x00"s), sink), 2u);
  EXPECT_TRUE(decoder.due());
  sink.budget = 1;
  EXPECT_EQ(*decoder.feed({}, sink), 0u);
  EXPECT_FALSE(decoder.due());
  EXPECT_EQ(sink.text, "text:\n");
}

TEST(FrameDecoder, takesUnmaskedClientsWhereToldTo) {
  FrameDecoder decoder(Role::kServer, {}, {}, Unmasked::kTaken);
  Transcript sink;
  EXPECT_TRUE(decoder
                  .feed(base::asBytes("\x81\x02hi\x81\x82\x01\x01\x01\x01"
                                      "ih"s),
                        sink)
                  .ok());
  EXPECT_EQ(sink.text, "text:hi\ntext:hi\n");
}

TEST(FrameEncoder, whatItWritesIsReadBack) {
  std::mt19937 random(5);
  int compressedRounds = 0;
  for (int round = 0; round < 60; ++round) {
    const Role role = round % 2 == 0 ? Role::kServer : Role::kClient;
    std::optional<DeflateParameters> deflate;
    if (round % 3 != 0) {
      deflate.emplace();
      deflate->serverNoContextTakeover = random() % 2 == 0;
      deflate->clientNoContextTakeover = random() % 2 == 0;
      deflate->serverWindowBits = static_cast<uint8_t>(8 + random() % 8);
      deflate->clientWindowBits = static_cast<uint8_t>(8 + random() % 8);
    }
    Counter masks;
    FrameEncoder encoder(role, deflate, &masks);
    std::string wire;
    std::string expected;
    for (int message = 0; message < 12; ++message) {
      const bool text = random() % 2 == 0;
      std::string content;
      const size_t pieces = 1 + random() % 4;
      for (size_t piece = 0; piece < pieces; ++piece) {
        std::string part;
        const size_t size = random() % 3 == 0 ? random() % 200'000 : random() % 600;
        while (part.size() < size) {
          if (random() % 4 == 0) part += static_cast<char>(text ? 'a' + random() % 26 : random() & 0xff);
          else part += "the same words again and again ";
        }
        if (random() % 8 == 0) part.clear();
        content += part;
        encoder.piece(text ? MessageKind::kText : MessageKind::kBinary, base::asBytes(part), piece + 1 == pieces, wire);
        if (random() % 3 == 0) {
          encoder.ping(base::asBytes("p"), wire);
          expected += "ping:p\n";
        }
      }
      if (!expected.empty() && expected.ends_with("ping:p\n") && wire.ends_with('p') && content.empty()) {
        // Order of a ping after the last piece is kept below by looking at the transcript as a multiset.
      }
      expected += (text ? "text:" : "binary:") + content + "\n";
    }
    encoder.close(1000, "done", wire);
    const Role reader = role == Role::kServer ? Role::kClient : Role::kServer;
    const std::string whole = decode(wire, reader, false, {}, deflate);
    EXPECT_EQ(decode(wire, reader, true, {}, deflate), whole);
    const auto without = [](std::string text, const std::string& what) {
      for (size_t at; (at = text.find(what)) != std::string::npos;) text.erase(at, what.size());
      return text;
    };
    EXPECT_EQ(without(whole, "ping:p\n"), without(expected, "ping:p\n") + "close:1000:done\n");
    if (deflate && wire.size() < whole.size() / 2) ++compressedRounds;
  }
  EXPECT_GT(compressedRounds, 10);
}

TEST(FrameEncoder, smallMessagesAreNotCompressedAndLargeOnesAre) {
  FrameEncoder encoder(Role::kServer, DeflateParameters{}, nullptr);
  std::string out;
  encoder.piece(MessageKind::kText, base::asBytes("hello"), true, out);
  EXPECT_EQ(out, "\x81\x05hello");
  out.clear();
  encoder.piece(MessageKind::kText, base::asBytes(std::string(10'000, 'x')), true, out);
  EXPECT_EQ(static_cast<uint8_t>(out[0]), 0xc1);
  EXPECT_LT(out.size(), 200u);
}

TEST(FrameEncoder, reasonsAreCutBetweenCodePoints) {
  FrameEncoder encoder(Role::kServer, {}, nullptr);
  std::string out;
  std::string reason(122, 'a');
  reason += "\xc3\xa9";
  encoder.close(4000, reason, out);
  EXPECT_EQ(out.size(), 2u + 2u + 122u);
  out.clear();
  encoder.close(kNoStatus, "ignored", out);
  EXPECT_EQ(out, "\x88\x00"s);
}

TEST(FrameDecoder, inflatesTheExamplesOfTheStandard) {  // RFC 7692 §7.2.3
  const auto inflated = [](const std::string& frames) {
    std::string whole = decode(frames, Role::kClient, false, {}, DeflateParameters{});
    EXPECT_EQ(decode(frames, Role::kClient, true, {}, DeflateParameters{}), whole);
    return whole;
  };
  EXPECT_EQ(inflated("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"s), "text:Hello\n");
  EXPECT_EQ(inflated("\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00"s), "text:Hello\n");
  // Context is taken over: the second message refers to the first.
  EXPECT_EQ(inflated("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00"s), "text:Hello\ntext:Hello\n");
  EXPECT_EQ(inflated("\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"s), "text:Hello\n");
  EXPECT_EQ(inflated("\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s), "text:Hello\n");  // a block marked as the last
  EXPECT_EQ(inflated("\xc1\x01\x00"s), "text:\n");
  EXPECT_EQ(inflated("\x81\x05Hello"s), "text:Hello\n");  // compression is per message
  EXPECT_EQ(inflated("\xc1\x03\xff\xff\xff"s), "failed:1007");
  EXPECT_EQ(inflated("\x41\x03\xf2\x48\xcd\xc0\x04\xc9\xc9\x07\x00"s), "failed:1002");
  EXPECT_EQ(inflated("\xc9\x01\x00"s), "failed:1002");
}

TEST(FrameDecoder, aCompressedBombStopsAtTheBound) {
  Deflater deflater(15, false);
  const std::string zeros(64 << 10, '\0');
  std::string bomb;
  for (int i = 0; i < 1024; ++i) deflater.piece(base::asBytes(zeros), i == 1023, bomb);  // 64 MB
  ASSERT_LT(bomb.size(), 1u << 19);
  std::string frame = "\xc2\x7f\x00\x00\x00\x00"s;
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(bomb.size() >> shift & 0xff);
  frame += bomb;
  FrameDecoder decoder(Role::kClient, {}, DeflateParameters{});
  Transcript sink;
  const auto fed = decoder.feed(base::asBytes(frame), sink);
  ASSERT_FALSE(fed.ok());
  EXPECT_EQ(fed.error().code, 1009);
  EXPECT_LE(sink.message.size(), 32u << 20);
  EXPECT_LE(sink.largest, 32u << 10);
}

TEST(FrameDecoder, aSmallFrameThatInflatesToMuchWaitsForTheTaker) {
  Deflater deflater(15, false);
  const std::string zeros(1 << 20, 'z');
  std::string small;
  deflater.piece(base::asBytes(zeros), true, small);
  ASSERT_LT(small.size(), 8000u);
  std::string frame = "\xc2\x7e"s;
  frame += static_cast<char>(small.size() >> 8);
  frame += static_cast<char>(small.size() & 0xff);
  frame += small;
  FrameDecoder decoder(Role::kClient, {}, DeflateParameters{});
  Transcript sink;
  std::string_view rest = frame;
  int rounds = 0;
  while (!rest.empty() || decoder.due()) {
    sink.budget = 1;
    const auto fed = decoder.feed(base::asBytes(rest), sink);
    ASSERT_TRUE(fed.ok());
    rest.remove_prefix(*fed);
    ++rounds;
  }
  EXPECT_GE(rounds, 32);
  EXPECT_EQ(sink.text.size(), zeros.size() + 8);
}

}  // namespace
}  // namespace weir::http::websocket
