#include "http/websocket/handshake.h"

#include <gtest/gtest.h>

namespace weir::http::websocket {
namespace {

RequestHead askingHead() {
  RequestHead head;
  head.method = "GET";
  head.target = "/chat";
  head.authority = "x";
  head.upgrade = true;
  head.headers = {{"Host", "x"},
                  {"Upgrade", "WebSocket"},
                  {"Connection", "Upgrade"},
                  {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                  {"Sec-WebSocket-Version", "13"}};
  return head;
}

TEST(Handshake, theKeyOfTheStandardIsAccepted) {  // RFC 6455 §1.3
  EXPECT_EQ(acceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(Handshake, anAskIsReadAndAnswered) {
  RequestHead head = askingHead();
  head.headers.add("Sec-WebSocket-Extensions", "x-other, permessage-deflate; server_max_window_bits=10");
  const auto ask = readAsk(head);
  ASSERT_TRUE(ask.ok());
  HeaderList headers{{"Sec-WebSocket-Accept", "forged"}, {"Sec-WebSocket-Extensions", "forged"}, {"A", "b"}};
  setAnswer(*ask, headers);
  EXPECT_EQ(headers.find("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(headers.find("sec-websocket-extensions"), "permessage-deflate; server_max_window_bits=10");
  EXPECT_EQ(headers.count("sec-websocket-extensions"), 1u);
  EXPECT_EQ(headers.find("a"), "b");
}

TEST(Handshake, asksThatAreNoneAreRefused) {
  const auto status = [](auto change) {
    RequestHead head = askingHead();
    change(head);
    const auto ask = readAsk(head);
    return ask.ok() ? 101 : ask.error().status;
  };
  EXPECT_EQ(status([](RequestHead&) {}), 101);
  EXPECT_EQ(status([](RequestHead& head) { head.method = "POST"; }), 400);
  EXPECT_EQ(status([](RequestHead& head) { head.version = Version::kHttp10; }), 400);
  EXPECT_EQ(status([](RequestHead& head) { head.upgrade = false; }), 400);
  EXPECT_EQ(status([](RequestHead& head) { head.headers.set("Upgrade", "h2c"); }), 400);
  EXPECT_EQ(status([](RequestHead& head) { head.headers.set("Sec-WebSocket-Version", "8"); }), 426);
  EXPECT_EQ(status([](RequestHead& head) { head.headers.remove("Sec-WebSocket-Version"); }), 426);
  EXPECT_EQ(status([](RequestHead& head) { head.headers.remove("Sec-WebSocket-Key"); }), 400);
  EXPECT_EQ(status([](RequestHead& head) { head.headers.set("Sec-WebSocket-Key", "c2hvcnQ="); }), 400);
  EXPECT_EQ(status([](RequestHead& head) { head.headers.set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j\"Q=="); }), 400);
  EXPECT_EQ(status([](RequestHead& head) { head.headers.add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="); }), 400);
}

TEST(Handshake, whatWeOfferIsWhatWeAcceptBack) {
  HeaderList request{{"Sec-WebSocket-Key", "forged"}, {"Sec-WebSocket-Extensions", "permessage-deflate; unknown=1"}};
  const Offer offer = setOffer("the sample nonce", request);
  EXPECT_EQ(request.find("sec-websocket-key"), "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(request.find("sec-websocket-version"), "13");
  EXPECT_EQ(request.find("sec-websocket-extensions"), kDeflateOffer);
  EXPECT_TRUE(offer.deflate);
  const auto agree = [&](HeaderList fields, const Offer& to) {
    ResponseHead head;
    head.status = 101;
    head.headers = std::move(fields);
    return readAgreement(head, to);
  };
  const Header upgrade{"Upgrade", "websocket"};
  const Header connection{"Connection", "upgrade"};
  const Header accept{"Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="};
  const auto plain = agree({upgrade, connection, accept}, offer);
  ASSERT_TRUE(plain.ok());
  EXPECT_FALSE(plain->has_value());
  const auto deflate =
      agree({upgrade,
             connection,
             accept,
             {"Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=9; server_no_context_takeover"}},
            offer);
  ASSERT_TRUE(deflate.ok());
  EXPECT_EQ((*deflate)->clientWindowBits, 9);
  EXPECT_TRUE((*deflate)->serverNoContextTakeover);
  EXPECT_FALSE(agree({upgrade, connection}, offer).ok());
  EXPECT_FALSE(agree({upgrade, connection, {"Sec-WebSocket-Accept", "AAAA"}}, offer).ok());
  EXPECT_FALSE(agree({upgrade, accept}, offer).ok());
  EXPECT_FALSE(agree({{"Upgrade", "echo"}, connection, accept}, offer).ok());
  EXPECT_FALSE(agree({upgrade, connection, accept, {"Sec-WebSocket-Extensions", "x-other"}}, offer).ok());
  EXPECT_FALSE(
      agree({upgrade, connection, accept, {"Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"}},
            offer)
          .ok());
  HeaderList without;
  const Offer none = setOffer("the sample nonce", without);
  EXPECT_FALSE(without.find("sec-websocket-extensions"));
  EXPECT_FALSE(agree({upgrade, connection, accept, {"Sec-WebSocket-Extensions", "permessage-deflate"}}, none).ok());
}

TEST(Handshake, offersAreAnsweredInTheirOrder) {  // RFC 7692 §7.1
  const auto answer = [](std::string_view offers) {
    const auto taken = answerOffers(offers);
    return taken ? taken->header : "none";
  };
  EXPECT_EQ(answer(""), "none");
  EXPECT_EQ(answer("permessage-deflate"), "permessage-deflate");
  EXPECT_EQ(answer("PerMessage-Deflate ; client_max_window_bits"), "permessage-deflate");
  EXPECT_EQ(answer("permessage-deflate; client_max_window_bits=\"10\""),
            "permessage-deflate; client_max_window_bits=10");
  EXPECT_EQ(answer("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
  EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=16, permessage-deflate; server_max_window_bits=15"),
            "permessage-deflate; server_max_window_bits=15");
  EXPECT_EQ(answer("permessage-deflate; server_max_window_bits"), "none");
  EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=08"), "none");
  EXPECT_EQ(answer("permessage-deflate; server_no_context_takeover=1"), "none");
  EXPECT_EQ(answer("permessage-deflate; server_no_context_takeover; server_no_context_takeover"), "none");
  EXPECT_EQ(answer("permessage-deflate; something"), "none");
  EXPECT_EQ(answer("permessage-deflate;"), "none");
  EXPECT_EQ(answer("permessage-deflate =1"), "none");
  EXPECT_EQ(answer("x; a=\"unfinished"), "none");
  std::string many;
  for (int i = 0; i < 40; ++i) many += "x, ";
  EXPECT_EQ(answer(many + "permessage-deflate"), "none");
}

}  // namespace
}  // namespace weir::http::websocket
