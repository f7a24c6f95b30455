#include "wire/codec.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "wire/bundle.h"
#include "wire/compatibility.h"
#include "wire/ring.h"

namespace weir::wire {
namespace {

template <class Set, class Message>
std::vector<uint8_t> bytesOf(const Message& message) {
  std::vector<uint8_t> out;
  encode<Set>(message, out);
  return out;
}

StartFetch sampleFetch() {
  static const std::string body = "hello";
  StartFetch fetch;
  fetch.invocation = InvocationId::make(1, 77, 5);
  fetch.version = {12};
  fetch.nowMs = 1.7e12;
  fetch.bodyKind = BodyKind::kInline;
  fetch.bodyLength = 5;
  fetch.method = "POST";
  fetch.url = "http://a.example/x?y=1";
  fetch.head = {"host\na.example\naccept\n*/*\n"};
  fetch.body = {reinterpret_cast<const uint8_t*>(body.data()), body.size()};
  return fetch;
}

TEST(Codec, aMessageComesBackAsItWas) {
  const auto bytes = bytesOf<Event>(sampleFetch());
  const auto decoded = decode<Event>(bytes);
  ASSERT_TRUE(decoded.has_value());
  const auto& fetch = std::get<StartFetch>(*decoded);
  EXPECT_EQ(fetch.invocation, sampleFetch().invocation);
  EXPECT_EQ(fetch.invocation.loop(), 1u);
  EXPECT_EQ(fetch.invocation.slot(), 5u);
  EXPECT_EQ(fetch.url, sampleFetch().url);
  EXPECT_EQ(fetch.head, sampleFetch().head);
  EXPECT_EQ(fetch.body.size(), 5u);
  std::vector<uint8_t> again;
  encodeAny(*decoded, again);
  EXPECT_EQ(again, bytes);
}

TEST(Codec, everyPrefixAndEveryLongerInputIsRefused) {
  auto bytes = bytesOf<Event>(sampleFetch());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode<Event>(Bytes(bytes.data(), size)).has_value()) << size;
  }
  bytes.push_back(0);
  EXPECT_FALSE(decode<Event>(bytes).has_value());
}

TEST(Codec, whatAnyBytesDecodeToEncodesToThoseBytes) {
  std::mt19937 random(7);
  const auto seed = bytesOf<Event>(sampleFetch());
  size_t decodedCount = 0;
  for (int round = 0; round < 200'000; ++round) {
    auto bytes = seed;
    if (round % 2 == 0) bytes.resize(1 + random() % 24);
    for (int flips = 0; flips < 3; ++flips) bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    if (const auto decoded = decode<Event>(bytes)) {
      ++decodedCount;
      std::vector<uint8_t> again;
      encodeAny(*decoded, again);
      ASSERT_EQ(again, bytes);
    }
  }
  EXPECT_GT(decodedCount, 100u);
}

TEST(Codec, aChunkIsDecodedFromItsFirstBytesAsItIsFromAll) {
  const std::vector<uint8_t> payload(Bounds::kChunkBytesMax + 1, 'x');
  size_t compared = 0;
  for (const uint64_t invocation : {uint64_t{0}, uint64_t{300}, ~uint64_t{0}}) {
    for (const StreamId stream : {0u, 200u, ~0u}) {
      for (const size_t size : {size_t{0}, size_t{1}, size_t{127}, size_t{128}, payload.size() - 1, payload.size()}) {
        const auto bytes = bytesOf<Effect>(BodyChunk{{invocation}, stream, {payload.data(), size}});
        const auto whole = decode<Effect>(bytes);
        const auto chunk = decodeChunk<Effect>(bytes);
        ASSERT_EQ(chunk.has_value(), size <= Bounds::kChunkBytesMax);
        ASSERT_EQ(whole.has_value(), chunk.has_value());
        ++compared;
        if (!chunk) continue;
        EXPECT_EQ(chunk->invocation.value, invocation);
        EXPECT_EQ(chunk->stream, stream);
        EXPECT_EQ(chunk->bytes.data(), std::get<BodyChunk>(*whole).bytes.data());
        EXPECT_EQ(chunk->bytes.size(), size);
        for (const size_t cut : {size_t{1}, bytes.size() / 2, bytes.size() - 1}) {
          EXPECT_EQ(decodeChunk<Effect>({bytes.data(), cut}).has_value(), cut == bytes.size());
        }
      }
    }
  }
  EXPECT_EQ(compared, 54u);
  EXPECT_FALSE(decodeChunk<Effect>(bytesOf<Effect>(Done{})).has_value());
  EXPECT_FALSE(decodeChunk<Effect>({}).has_value());
}

TEST(Codec, unknownEnumeratorsAndOverlongNumbersAreRefused) {
  Done done;
  done.outcome = Outcome::kAborted;
  auto bytes = bytesOf<Effect>(done);
  ASSERT_TRUE(decode<Effect>(bytes).has_value());
  bytes[2] = 14;  // kind, invocation (one byte), outcome
  EXPECT_FALSE(decode<Effect>(bytes).has_value());
  const std::vector<uint8_t> overlong{KindOf<Shutdown, Event>::value};
  EXPECT_TRUE(decode<Event>(overlong).has_value());
  const std::vector<uint8_t> drop{KindOf<DropVersion, Event>::value, 0x81, 0x00};
  EXPECT_FALSE(decode<Event>(drop).has_value());
}

TEST(Codec, headBlocksAreCheckedLineByLine) {
  EXPECT_TRUE(isHeadBlock(""));
  EXPECT_TRUE(isHeadBlock("a\nb\n"));
  EXPECT_TRUE(isHeadBlock("a\n\n"));
  EXPECT_FALSE(isHeadBlock("a\nb"));
  EXPECT_FALSE(isHeadBlock("a\n"));
  EXPECT_FALSE(isHeadBlock("\nb\n"));
  EXPECT_FALSE(isHeadBlock("a\r\nb\n"));
  EXPECT_FALSE(isHeadBlock(std::string_view("a\nb\0\n", 5)));
}

// Encodes as `Set`, decodes, and hands the message to `check`; no prefix of it is a message.
template <class Set, class Message, class Check>
void comesBack(const Message& message, Check check) {
  const auto bytes = bytesOf<Set>(message);
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode<Set>(Bytes(bytes.data(), size)).has_value());
  const auto decoded = decode<Set>(bytes);
  ASSERT_TRUE(decoded.has_value());
  ASSERT_TRUE(std::holds_alternative<Message>(*decoded));
  check(std::get<Message>(*decoded));
}

TEST(Codec, socketMessagesGoBothWays) {
  const auto both = [](const auto& message, auto check) {
    comesBack<Event>(message, check);
    comesBack<Effect>(message, check);
  };
  const std::string text = "caf\xc3\xa9";
  SocketPiece piece;
  piece.invocation = InvocationId::make(2, 3, 4);
  piece.socket = 7;
  piece.kind = SocketMessageKind::kBinary;
  piece.last = true;
  piece.bytes = {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  both(piece, [&](const SocketPiece& got) {
    EXPECT_EQ(got.invocation, piece.invocation);
    EXPECT_EQ(got.socket, 7u);
    EXPECT_EQ(got.kind, SocketMessageKind::kBinary);
    EXPECT_TRUE(got.last);
    EXPECT_EQ(std::string(got.bytes.begin(), got.bytes.end()), text);
  });
  SocketClose close;
  close.invocation = piece.invocation;
  close.socket = 1;
  close.end = SocketEnd::kLost;
  close.code = 1006;
  close.reason = "gone";
  both(close, [&](const SocketClose& got) {
    EXPECT_EQ(got.end, SocketEnd::kLost);
    EXPECT_EQ(got.code, 1006);
    EXPECT_EQ(got.reason, "gone");
  });
  comesBack<Effect>(Fail{piece.invocation}, [&](const Fail& got) { EXPECT_EQ(got.invocation, piece.invocation); });
  Forward forward;
  forward.invocation = piece.invocation;
  forward.failedOpen = true;
  forward.bodyKind = BodyKind::kInline;
  forward.body = piece.bytes;
  comesBack<Effect>(forward, [&](const Forward& got) {
    EXPECT_EQ(got.invocation, piece.invocation);
    EXPECT_TRUE(got.failedOpen);
    EXPECT_EQ(got.bodyKind, BodyKind::kInline);
    EXPECT_EQ(std::string(got.body.begin(), got.body.end()), text);
  });
  both(SocketCredit{piece.invocation, 9, 65'536}, [](const SocketCredit& got) {
    EXPECT_EQ(got.socket, 9u);
    EXPECT_EQ(got.bytes, 65'536u);
  });
}

TEST(Codec, socketMessagesKeepTheirBounds) {
  const std::vector<uint8_t> large(Bounds::kChunkBytesMax + 1);
  SocketPiece piece;
  piece.bytes = Bytes(large).first(Bounds::kChunkBytesMax);
  EXPECT_TRUE(decode<Effect>(bytesOf<Effect>(piece)).has_value());
  piece.bytes = large;
  EXPECT_FALSE(decode<Effect>(bytesOf<Effect>(piece)).has_value());
  const std::string reason(124, 'r');
  SocketClose close;
  close.reason = std::string_view(reason).substr(1);
  EXPECT_TRUE(decode<Effect>(bytesOf<Effect>(close)).has_value());
  close.reason = reason;
  EXPECT_FALSE(decode<Effect>(bytesOf<Effect>(close)).has_value());
  auto bytes = bytesOf<Effect>(SocketClose{});
  ASSERT_EQ(bytes.size(), 7u);  // kind, invocation, socket, end, code (two bytes), reason
  bytes[3] = 3;
  EXPECT_FALSE(decode<Effect>(bytes).has_value());
}

TEST(Compatibility, followsDateAndFlags) {
  const auto on = [](std::string_view date, std::string_view flags) {
    return CompatibilitySet::of(date, flags).has(Compatibility::kWebSocketAutoReplyToClose);
  };
  EXPECT_FALSE(on("2026-04-06", ""));
  EXPECT_TRUE(on("2026-04-07", ""));
  EXPECT_TRUE(on("2027-01-01", "other_flag"));
  EXPECT_TRUE(on("2021-01-01", "nodejs_compat,web_socket_auto_reply_to_close"));
  EXPECT_FALSE(on("2026-04-07", "web_socket_manual_reply_to_close"));
  EXPECT_FALSE(on("2026-04-07", "web_socket_auto_reply_to_close,web_socket_manual_reply_to_close"));
  EXPECT_FALSE(on("", ""));
}

TEST(VersionLimits, areThoseOfTheReferenceUnlessAPlanSaysOtherwise) {
  const VersionLimits limits;
  EXPECT_EQ(limits.waitUntilMs, 30'000u);
  EXPECT_EQ(limits.scheduledMs, 15u * 60 * 1000);
  EXPECT_EQ(limits.memoryMb, 128u);
  EXPECT_EQ(limits.subrequests, 1'000u);
}

TEST(Compatibility, everyNameIsFoundAndNamesNothingTwice) {
  std::set<std::string_view> names;
  for (const auto& rule : kCompatibilityRules) {
    EXPECT_EQ(findCompatibility(rule.name), rule.flag);
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
    EXPECT_TRUE(names.insert(rule.opposite).second) << rule.opposite;
    EXPECT_TRUE(rule.since.empty() || rule.since.size() == 10) << rule.name;
  }
  EXPECT_EQ(names.size(), 2 * kCompatibilityRules.size());
  EXPECT_EQ(findCompatibility("unknown"), std::nullopt);
}

TEST(Bundle, comesBackAsItWasAndRefusesTruncation) {
  Bundle bundle;
  bundle.scriptName = "hello";
  bundle.env = "{\"A\":1}";
  bundle.compatibilityDate = "2026-01-01";
  const std::string code = "export default {}";
  bundle.modules.push_back(
      {"index.js", ModuleType::kEsModule, {reinterpret_cast<const uint8_t*>(code.data()), code.size()}});
  const std::string euro = "export default \"\xe2\x82\xac\"";
  bundle.modules.push_back(
      {"euro.js", ModuleType::kEsModule, {reinterpret_cast<const uint8_t*>(euro.data()), euro.size()}});
  bundle.services = {"BACK"};
  bundle.limiters = {{"LIMITER", 100, 60}};
  std::vector<uint8_t> bytes;
  encodeBundle(bundle, bytes);
  const auto decoded = decodeBundle(bytes);
  ASSERT_TRUE(decoded.has_value());
  ASSERT_EQ(decoded->limiters.size(), 1u);
  EXPECT_EQ(decoded->limiters[0].name, "LIMITER");
  EXPECT_EQ(decoded->limiters[0].limit, 100u);
  EXPECT_EQ(decoded->limiters[0].periodSeconds, 60u);
  EXPECT_EQ(decoded->modules.at(0).name, "index.js");
  EXPECT_TRUE(decoded->modules.at(0).ascii);
  EXPECT_FALSE(decoded->modules.at(1).ascii);
  EXPECT_EQ(decoded->limits, bundle.limits);
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decodeBundle(Bytes(bytes.data(), size)).has_value());
}

class RingMemory {
 public:
  explicit RingMemory(size_t capacity) : bytes_(ringMemoryBytes(capacity) + 4096) {}
  void* get() {
    return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(bytes_.data()) + 4095) & ~uintptr_t{4095});
  }
  RingHeader* header() { return static_cast<RingHeader*>(get()); }
  uint8_t* data() { return static_cast<uint8_t*>(get()) + kRingHeaderBytes; }

 private:
  std::vector<uint8_t> bytes_;
};

std::vector<uint8_t> record(uint32_t number, size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(number * 31 + i);
  return bytes;
}

TEST(Ring, recordsOfEverySizeArriveInOrderOverManyWraps) {
  RingMemory memory(4096);
  RingWriter writer(memory.get(), 4096);
  RingReader reader(memory.get(), 4096);
  std::mt19937 random(3);
  uint32_t written = 0;
  uint32_t read = 0;
  std::vector<size_t> sizes;
  while (read < 20'000) {
    if (random() % 2 == 0) {
      const size_t size = 1 + random() % 1024;
      if (writer.write(record(written, size))) {
        sizes.push_back(size);
        ++written;
      }
    } else if (auto view = reader.peek()) {
      ASSERT_EQ(std::vector<uint8_t>(view->begin(), view->end()), record(read, sizes[read]));
      reader.pop();
      ++read;
    }
    ASSERT_FALSE(reader.broken());
    ASSERT_FALSE(writer.broken());
  }
}

TEST(Ring, aFullRingRefusesAndGoesOnAfterARead) {
  RingMemory memory(4096);
  RingWriter writer(memory.get(), 4096);
  RingReader reader(memory.get(), 4096);
  int count = 0;
  while (writer.write(record(0, 1000))) ++count;
  EXPECT_EQ(count, 4);
  EXPECT_FALSE(writer.armWait(1000));
  ASSERT_TRUE(reader.peek().has_value());
  reader.pop();
  EXPECT_TRUE(reader.takeWriterWake());
  EXPECT_FALSE(reader.takeWriterWake());
  ASSERT_TRUE(reader.peek().has_value());
  reader.pop();
  EXPECT_TRUE(writer.write(record(0, 1000)));
}

TEST(Ring, aSleepingReaderIsWokenOnce) {
  RingMemory memory(4096);
  RingWriter writer(memory.get(), 4096);
  RingReader reader(memory.get(), 4096);
  EXPECT_FALSE(writer.takeWake());
  EXPECT_TRUE(reader.armSleep());
  EXPECT_TRUE(writer.write(record(0, 8)));
  EXPECT_TRUE(writer.takeWake());
  EXPECT_FALSE(writer.takeWake());
  EXPECT_FALSE(reader.armSleep());
}

TEST(Ring, nonsenseFromThePeerBreaksTheRingAndNothingElse) {
  std::mt19937 random(11);
  int broken = 0;
  for (int round = 0; round < 50'000; ++round) {
    RingMemory memory(4096);
    RingWriter writer(memory.get(), 4096);
    RingReader reader(memory.get(), 4096);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer.write(record(0, 1 + random() % 600)));
    switch (random() % 3) {
      case 0: memory.header()->tail.store(random() % 2 ? random() : ~uint64_t{0} - random()); break;
      case 1: {
        const uint32_t value = random() % 4 == 0 ? 0xffffffff : static_cast<uint32_t>(random());
        std::memcpy(memory.data() + (random() % 512) * 8, &value, 4);
        break;
      }
      default: memory.header()->head.store(random()); break;
    }
    for (int i = 0; i < 8; ++i) {
      if (const auto view = reader.peek()) {
        ASSERT_GE(view->data(), memory.data());
        ASSERT_LE(view->data() + view->size(), memory.data() + 4096);
        reader.pop();
      }
    }
    while (writer.write(record(0, 512))) {
    }
    broken += reader.broken() || writer.broken();
  }
  EXPECT_GT(broken, 1000);
}

TEST(Ring, twoThreadsExchangeEveryRecord) {
  constexpr uint32_t kRecords = 200'000;
  RingMemory memory(1 << 14);
  std::thread producer([&] {
    RingWriter writer(memory.get(), 1 << 14);
    for (uint32_t i = 0; i < kRecords;) {
      if (writer.write({reinterpret_cast<const uint8_t*>(&i), sizeof i})) ++i;
      else std::this_thread::yield();
    }
  });
  RingReader reader(memory.get(), 1 << 14);
  for (uint32_t expected = 0; expected < kRecords;) {
    const auto view = reader.peek();
    if (!view) {
      std::this_thread::yield();
      continue;
    }
    uint32_t value = 0;
    ASSERT_EQ(view->size(), sizeof value);
    std::memcpy(&value, view->data(), sizeof value);
    ASSERT_EQ(value, expected);
    reader.pop();
    ++expected;
  }
  producer.join();
}

}  // namespace
}  // namespace weir::wire
