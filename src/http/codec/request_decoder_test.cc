#include "http/codec/request_decoder.h"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

std::span<const std::byte> asBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// Everything a decoder says, as text to compare.
class Transcript final : public RequestSink {
 public:
  void onHead(const RequestHead& head) override {
    text +=
        head.method + " " + head.target + " @" + head.authority + (head.version == Version::kHttp10 ? " 1.0" : " 1.1");
    text += head.keepAlive ? " keep" : " close";
    for (const Header header : head.headers) text += "|" + std::string(header.name) + "=" + std::string(header.value);
    text += "\n";
    inBody = false;
  }
  void onBody(std::span<const std::byte> bytes) override {
    if (!inBody) text += "body ";
    inBody = true;
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void onEnd() override {
    text += inBody ? "\nend\n" : "end\n";
    inBody = false;
  }
  std::string text;
  bool inBody = false;
};

std::string decode(const std::vector<std::string_view>& pieces, const HttpLimits& limits = {}) {
  RequestDecoder decoder(limits);
  Transcript sink;
  for (const std::string_view piece : pieces) {
    auto rest = asBytes(piece);
    while (!rest.empty()) {
      const auto fed = decoder.feed(rest, sink);
      if (!fed.ok()) return sink.text + "refused " + std::to_string(fed.error().status);
      EXPECT_GT(*fed, 0u);
      if (*fed == 0) return sink.text + "stuck";
      rest = rest.subspan(*fed);
    }
  }
  return sink.text;
}

struct Case {
  const char* name;
  std::string bytes;
  std::string expected;
};

const std::vector<Case>& accepted() {
  static const std::vector<Case> cases = {
      {"plain", "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a?b @x 1.1 keep|Host=x\nend\n"},
      {"emptyLineFirst", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / @x 1.1 keep|Host=x\nend\n"},
      {"pipelined", "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost:x\r\n\r\n",
       "GET /1 @x 1.1 keep|Host=x\nend\nGET /2 @x 1.1 keep|Host=x\nend\n"},
      {"length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
       "POST / @x 1.1 keep|Host=x|Content-Length=5\nbody hello\nend\n"},
      {"lengthZero", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
       "POST / @x 1.1 keep|Host=x|Content-Length=0\nend\n"},
      {"chunked",
       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n3;e=\"1\"\r\nabc\r\n00A\r\n0123456789\r\n0\r\nT: v\r\n\r\n",
       "POST / @x 1.1 keep|Host=x|Transfer-Encoding=Chunked\nbody abc0123456789\nend\n"},
      {"absoluteFormAgreesWithHost", "GET http://a.example:81/p HTTP/1.1\r\nHost: A.example:81\r\n\r\n",
       "GET /p @A.example:81 1.1 keep|Host=A.example:81\nend\n"},
      {"absoluteFormWithoutPath", "GET HTTP://a?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?q @a 1.1 keep|Host=a\nend\n"},
      {"asteriskForOptions", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS * @x 1.1 keep|Host=x\nend\n"},
      {"http10WithoutHost", "GET / HTTP/1.0\r\n\r\n", "GET / @ 1.0 close\nend\n"},
      {"http10KeepAlive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
       "GET / @ 1.0 keep|Connection=Keep-Alive\nend\n"},
      {"http12IsReadAs11", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", "GET / @x 1.1 keep|Host=x\nend\n"},
      {"close", "GET / HTTP/1.1\r\nHost: x\r\nConnection: foo , Close\r\n\r\n",
       "GET / @x 1.1 close|Host=x|Connection=foo , Close\nend\n"},
      {"ipv6Host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET / @[::1]:80 1.1 keep|Host=[::1]:80\nend\n"},
      {"valueIsTrimmedAndMayBeEmpty", "GET / HTTP/1.1\r\nHost: x\r\nA: \t b c \t\r\nB:\r\n\r\n",
       "GET / @x 1.1 keep|Host=x|A=b c|B=\nend\n"},
      {"highBytesInTargetAndValue", "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\nA: \xff\r\n\r\n",
       "GET /\xc3\xa4 @x 1.1 keep|Host=x|A=\xff\nend\n"},
  };
  return cases;
}

std::string withField(const std::string& field) { return "GET / HTTP/1.1\r\nHost: x\r\n" + field + "\r\n\r\n"; }
std::string withLine(const std::string& line) { return line + "\r\nHost: x\r\n\r\n"; }
std::string withChunks(const std::string& chunks) {
  return "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks;
}

const std::vector<Case>& refused() {
  using namespace std::string_literals;
  static const std::vector<Case> cases = {
      {"lengthAndChunked", withField("Content-Length: 5\r\nTransfer-Encoding: chunked"), "400"},
      {"differentLengths", withField("Content-Length: 5\r\nContent-Length: 6"), "400"},
      {"lengthList", withField("Content-Length: 5, 5"), "400"},
      {"lengthSigned", withField("Content-Length: +5"), "400"},
      {"lengthEmpty", withField("Content-Length:"), "400"},
      {"lengthOverflows", withField("Content-Length: 18446744073709551617"), "400"},
      {"foldedLine", withField("A: b\r\n c"), "400"},
      {"bareLf", "GET / HTTP/1.1\nHost: x\r\n\r\n", "400"},
      {"bareLfAfterField", "GET / HTTP/1.1\r\nHost: x\n\r\n", "400"},
      {"bareLfAtEnd", "GET / HTTP/1.1\r\nHost: x\r\n\n", "400"},
      {"bareCrInValue", withField("A: b\rc"), "400"},
      {"bareCrInLine", withLine("GET /a\rb HTTP/1.1"), "400"},
      {"crCrLf", withField("A: b\r"), "400"},
      {"spaceBeforeColon", withField("A : b"), "400"},
      {"spaceBeforeName", withField(" A: b"), "400"},
      {"noColon", withField("A"), "400"},
      {"emptyName", withField(": b"), "400"},
      {"nameCharacter", withField("A(: b"), "400"},
      {"highByteInName", withField("\xc3\xa4: b"), "400"},
      {"nulInValue", withField("A: b\0c"s), "400"},
      {"controlInValue", withField("A: b\x01"), "400"},
      {"deleteInValue", withField("A: b\x7f"), "400"},
      {"noHost", "GET / HTTP/1.1\r\n\r\n", "400"},
      {"twoHosts", withField("Host: x"), "400"},
      {"twoHostsOn10", "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", "400"},
      {"emptyHost", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "400"},
      {"hostWithPath", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", "400"},
      {"hostWithUser", "GET / HTTP/1.1\r\nHost: a@x\r\n\r\n", "400"},
      {"hostWithList", "GET / HTTP/1.1\r\nHost: x,y\r\n\r\n", "400"},
      {"hostPortTooLarge", "GET / HTTP/1.1\r\nHost: x:65536\r\n\r\n", "400"},
      {"hostPortEmpty", "GET / HTTP/1.1\r\nHost: x:\r\n\r\n", "400"},
      {"otherCoding", withField("Transfer-Encoding: gzip, chunked"), "501"},
      {"chunkedTwice", withField("Transfer-Encoding: chunked, chunked"), "501"},
      {"chunkedInTwoFields", withField("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), "400"},
      {"identity", withField("Transfer-Encoding: identity"), "400"},
      {"unknownCoding", withField("Transfer-Encoding: xchunked"), "400"},
      {"chunkedNotLast", withField("Transfer-Encoding: chunked, identity"), "400"},
      {"absoluteFormAndHostDiffer", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "400"},
      {"codingObscured",
       withField("Transfer-Encoding: \x0b"
                 "chunked"),
       "400"},
      {"codingOn10", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
      {"asteriskForGet", withLine("GET * HTTP/1.1"), "400"},
      {"authorityForm", withLine("GET x:80 HTTP/1.1"), "400"},
      {"connect", withLine("CONNECT x:80 HTTP/1.1"), "501"},
      {"otherScheme", withLine("GET ftp://x/ HTTP/1.1"), "400"},
      {"absoluteFormWithUser", withLine("GET http://u@x/ HTTP/1.1"), "400"},
      {"absoluteFormWithoutHost", withLine("GET http:///p HTTP/1.1"), "400"},
      {"fragment", withLine("GET /a#b HTTP/1.1"), "400"},
      {"spaceInTarget", withLine("GET /a b HTTP/1.1"), "400"},
      {"twoSpaces", withLine("GET  / HTTP/1.1"), "400"},
      {"twoParts", withLine("GET /"), "400"},
      {"lowercaseVersion", withLine("GET / http/1.1"), "400"},
      {"shortVersion", withLine("GET / HTTP/1"), "400"},
      {"longVersion", withLine("GET / HTTP/1.10"), "400"},
      {"http2", withLine("GET / HTTP/2.0"), "505"},
      {"http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
      {"methodCharacter", withLine("G@T / HTTP/1.1"), "400"},
      {"methodTooLong", withLine(std::string(33, 'A') + " / HTTP/1.1"), "501"},
      {"twoEmptyLinesFirst", "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
      {"tlsHello", "\x16\x03\x01", "400"},
      {"expectation", withField("Expect: teapot"), "417"},
      {"urlTooLong", withLine("GET /" + std::string(16 * 1024, 'a') + " HTTP/1.1"), "414"},
      {"urlTooLongWithoutEnd", "GET /" + std::string(300 * 1024, 'a'), "414"},
      {"fieldTooLong", withField("A: " + std::string(128 * 1024, 'b')), "431"},
      {"chunkSizeEmpty", withChunks("\r\n"), "400"},
      {"chunkSizeWord", withChunks("xyz\r\n"), "400"},
      {"chunkSizeSigned", withChunks("-1\r\n"), "400"},
      {"chunkSizePrefixed", withChunks("0x1\r\n"), "400"},
      {"chunkSizeSpaced", withChunks("1 \r\na\r\n"), "400"},
      {"chunkSizeOverflows", withChunks("fffffffffffffffff\r\n"), "400"},
      {"chunkSizeBareLf", withChunks("1\na\r\n"), "400"},
      {"chunkWithoutEnd", withChunks("1\r\nab\r\n"), "400"},
      {"chunkEndBareLf", withChunks("1\r\na\n"), "400"},
      {"chunkExtensionControl", withChunks("1;a\x01\r\na\r\n"), "400"},
      {"chunkLineTooLong", withChunks("1;" + std::string(5000, 'a')), "400"},
      {"trailerMalformed", withChunks("0\r\nA : b\r\n\r\n"), "400"},
      {"chunkTooLargeForBody", withChunks("fffffff\r\n"), "413"},
  };
  return cases;
}

TEST(RequestDecoder, acceptsWhatTheStandardAllows) {
  size_t ran = 0;
  for (const Case& each : accepted()) {
    EXPECT_EQ(decode({each.bytes}), each.expected) << each.name;
    ++ran;
  }
  EXPECT_GE(ran, 16u);
}

TEST(RequestDecoder, refusesWhatTwoParsersCouldReadDifferently) {
  size_t ran = 0;
  for (const Case& each : refused()) {
    const std::string said = decode({each.bytes});
    EXPECT_TRUE(said.ends_with("refused " + each.expected)) << each.name << ": " << said;
    ++ran;
  }
  EXPECT_GE(ran, 70u);
}

TEST(RequestDecoder, splitInputIsWholeInput) {
  size_t splits = 0;
  for (const auto* cases : {&accepted(), &refused()}) {
    for (const Case& each : *cases) {
      const std::string whole = decode({each.bytes});
      const std::string_view bytes = each.bytes;
      const size_t step = bytes.size() > 2000 ? 997 : 1;
      for (size_t at = 0; at <= bytes.size(); at += step, ++splits)
        ASSERT_EQ(decode({bytes.substr(0, at), bytes.substr(at)}), whole) << each.name << " split at " << at;
      if (bytes.size() > 2000) continue;
      std::vector<std::string_view> singles;
      for (size_t i = 0; i < bytes.size(); ++i) singles.push_back(bytes.substr(i, 1));
      ASSERT_EQ(decode(singles), whole) << each.name << " byte by byte";
    }
  }
  EXPECT_GT(splits, 3000u);
}

TEST(RequestDecoder, countsHeaders) {
  HttpLimits limits;
  limits.headerCountMax = 3;
  EXPECT_EQ(decode({withField("A: 1\r\nB: 2")}, limits), "GET / @x 1.1 keep|Host=x|A=1|B=2\nend\n");
  EXPECT_EQ(decode({withField("A: 1\r\nB: 2\r\nC: 3")}, limits), "refused 431");
}

// The fields of a refused head, as they are when it is refused: in whatever pieces it arrives.
TEST(RequestDecoder, aRefusedHeadIsReadForTheFormOfItsAnswer) {
  const std::string wanted = "Accept: text/markdown\r\nX: y\r\nUser-Agent: curl\r\n\r\n";
  const std::string host = "Host: x\r\n";
  const std::vector<Case> cases = {
      {"urlTooLong", "GET /" + std::string(17 * 1024, 'a') + " HTTP/1.1\r\n" + host + wanted, "414"},
      {"methodTooLong", std::string(33, 'A') + " / HTTP/1.1\r\n" + host + wanted, "501"},
      {"connect", "CONNECT x:80 HTTP/1.1\r\n" + host + wanted, "501"},
      {"http2", "GET / HTTP/2.0\r\n" + host + wanted, "505"},
      {"fieldTooLong", "GET / HTTP/1.1\r\n" + host + "A: " + std::string(130 * 1024, 'b') + "\r\n" + wanted, "431"},
      {"twoHosts", "GET / HTTP/1.1\r\n" + host + host + wanted, "400"},
      {"noColon", "GET / HTTP/1.1\r\n" + host + "A\r\n" + wanted, "400"},
      {"expectation", "GET / HTTP/1.1\r\n" + host + "Expect: tea\r\n" + wanted, "417"},
  };
  for (const Case& each : cases) {
    for (const size_t piece : {size_t{1} << 20, size_t{1000}, size_t{1}}) {
      SCOPED_TRACE(each.name + (" in pieces of " + std::to_string(piece)));
      RequestDecoder decoder(HttpLimits{});
      Transcript sink;
      auto rest = asBytes(each.bytes);
      std::optional<uint16_t> status;
      while (!rest.empty() && !status) {
        const auto fed = decoder.feed(rest.first(std::min(rest.size(), piece)), sink);
        if (fed.ok()) rest = rest.subspan(*fed);
        else status = fed.error().status;
      }
      ASSERT_EQ(status, std::stoi(each.expected));
      EXPECT_EQ(decoder.head().headers.find("accept"), "text/markdown");
      EXPECT_EQ(decoder.head().headers.find("user-agent"), "curl");
      EXPECT_EQ(decoder.head().authority, "x");
      EXPECT_EQ(sink.text, "");
    }
  }
}

TEST(RequestDecoder, aRefusedHeadThatDoesNotEndHasItsRefusalPending) {
  RequestDecoder decoder(HttpLimits{});
  Transcript sink;
  const std::string one = withField("A: b");
  for (auto rest = asBytes(one); !rest.empty();) rest = rest.subspan(*decoder.feed(rest, sink));
  EXPECT_FALSE(decoder.pendingRefusal());
  EXPECT_TRUE(decoder.feed(asBytes("GET /2 HTTP/1.1\r\nHost: x\r\nHost: y\r\n"), sink).ok());
  ASSERT_TRUE(decoder.pendingRefusal());
  EXPECT_EQ(decoder.pendingRefusal()->status, 400);
  EXPECT_FALSE(decoder.betweenRequests());
  const auto ended =
      decoder.feed(asBytes(std::string(300 * 1024, 'a')), sink);  // without a bound it could go on for ever
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().status, 400);
}

TEST(RequestDecoder, nothingOfTheRequestBeforeIsLeftInARefusedHead) {
  RequestDecoder decoder(HttpLimits{});
  Transcript sink;
  const std::string one = withField("Accept: text/html");
  for (auto rest = asBytes(one); !rest.empty();) rest = rest.subspan(*decoder.feed(rest, sink));
  for (const std::string_view next : {"\x16\x03", "G(T / HTTP/1.1\r\n\r\n"}) {
    RequestDecoder copy = decoder;
    ASSERT_FALSE(copy.feed(asBytes(next), sink).ok());
    EXPECT_EQ(copy.head().method + copy.head().target + copy.head().authority, "");
    EXPECT_EQ(copy.head().headers.size(), 0u);
  }
}

TEST(RequestDecoder, countsTheHostItAddsForAnAbsoluteTarget) {
  HttpLimits limits;
  limits.headerCountMax = 2;
  EXPECT_EQ(decode({"GET http://x/ HTTP/1.0\r\nA: 1\r\n\r\n"}, limits), "GET / @x 1.0 close|A=1|Host=x\nend\n");
  EXPECT_EQ(decode({"GET http://x/ HTTP/1.0\r\nA: 1\r\nB: 2\r\n\r\n"}, limits), "refused 431");
}

TEST(RequestDecoder, refusesBodiesOverTheBoundBeforeTheirBytes) {
  HttpLimits limits;
  limits.bodyBytesMax = 4;
  RequestDecoder decoder(limits);
  Transcript sink;
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
  ASSERT_TRUE(decoder.feed(asBytes(head), sink).ok());
  const auto fed = decoder.feed({}, sink);
  ASSERT_FALSE(fed.ok());
  EXPECT_EQ(fed.error().status, 413);
  EXPECT_EQ(decoder.feed({}, sink).error().status, 413);  // asked again: the same answer
}

TEST(RequestDecoder, deliversNoMoreBodyThanGranted) {
  RequestDecoder decoder(HttpLimits{});
  Transcript sink;
  const std::string text = withChunks("5\r\nhello\r\n0\r\n\r\n");
  auto rest = asBytes(text);
  rest = rest.subspan(*decoder.feed(rest, sink));  // the head
  rest = rest.subspan(*decoder.feed(rest, sink, 2));
  EXPECT_TRUE(sink.text.ends_with("body he"));
  EXPECT_EQ(*decoder.feed(rest, sink, 0), 0u);
  rest = rest.subspan(*decoder.feed(rest, sink, 3));  // the end needs no grant
  EXPECT_TRUE(sink.text.ends_with("body hello\nend\n"));
  EXPECT_TRUE(rest.empty());
}

}  // namespace
}  // namespace weir::http
