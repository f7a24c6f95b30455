#include "http/client.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>

#include "http/test_server.h"

namespace weir::http {
namespace {

using namespace std::chrono_literals;

// Keeps a call and what happened to it.
class Outcome final : public CallEvents {
 public:
  void onHead(const ResponseHead& what) override {
    head = what;
    if (dropAt == "head") call.reset();
  }
  void onBody(std::span<const std::byte> bytes) override {
    body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (dropAt == "body") return call.reset();
    if (grantBack) call->readMore(bytes.size());
  }
  void onEnd() override {
    ended = true;
    if (dropAt == "end") call.reset();
  }
  void onError(const ClientError& what) override {
    error = what.kind;
    message = what.message;
  }
  void onDrained() override { ++drained; }
  void onUpgraded(std::unique_ptr<net::Stream> got, std::string received) override {
    stream = std::move(got);
    body = received;
  }
  bool over() const { return ended || error || stream; }

  std::unique_ptr<ClientCall> call;
  ResponseHead head;
  std::string body;
  std::string message;
  std::string dropAt;
  std::optional<ClientErrorKind> error;
  std::unique_ptr<net::Stream> stream;
  bool grantBack = true;
  bool ended = false;
  int drained = 0;
};

class NoLoopback final : public AddressPolicy {
 public:
  uint16_t refuses(const net::Address& address, std::string_view) const override {
    return address.scope() == net::AddressScope::kLoopback ? 1021 : 0;
  }
};

class ClientTest : public ServerTest {
 protected:
  void makeClient(const HttpLimits& limits = {}, const net::TlsClientContext* tls = nullptr) {
    client = std::make_unique<Client>(loop, resolver, tls, limits);
  }
  ClientRequest request(const std::string& method = "GET", const std::string& target = "/") {
    ClientRequest made;
    made.method = method;
    made.host = "127.0.0.1";
    made.port = server->address().port();
    made.target = target;
    return made;
  }
  std::unique_ptr<Outcome> start(ClientRequest what, uint64_t grant = 1 << 20) {
    auto outcome = std::make_unique<Outcome>();
    outcome->call = client->start(std::move(what), *outcome);
    outcome->call->readMore(grant);
    return outcome;
  }
  std::unique_ptr<Outcome> run(ClientRequest what) {
    auto outcome = start(std::move(what));
    until([&] { return outcome->over(); });
    return outcome;
  }

  net::Resolver resolver{loop};
  std::unique_ptr<Client> client;
};

TEST_F(ClientTest, getsAndReusesTheConnection) {
  open();
  makeClient();
  handle = [](Exchange& exchange) { EXPECT_TRUE(exchange.respond(201, {{"A", "b"}}, exchange.head().target)); };
  for (const char* target : {"/one", "/two", "/three"}) {
    const auto got = run(request("GET", target));
    ASSERT_FALSE(got->error) << got->message;
    EXPECT_EQ(got->head.status, 201);
    EXPECT_EQ(got->head.headers.find("a"), "b");
    EXPECT_EQ(got->body, target);
  }
  EXPECT_EQ(server->connectionCount(), 1u);
  EXPECT_EQ(client->idleCount(), 1u);
}

TEST_F(ClientTest, concurrentCallsHaveConnectionsOfTheirOwn) {
  open();
  makeClient();
  const auto first = start(request());
  const auto second = start(request());
  until([&] { return requests == 2; });
  for (const auto& each : visits) EXPECT_TRUE(each->exchange->respond(200, {}, "x"));
  until([&] { return first->ended && second->ended; });
  EXPECT_EQ(client->idleCount(), 2u);
}

TEST_F(ClientTest, sendsBodiesWholeAndStreamed) {
  open();
  makeClient();
  handle = [&](Exchange& exchange) {
    visits.push_back(std::make_unique<Visit>(exchange));
    visit().grantBack = visit().echo = true;
    ASSERT_TRUE(exchange.startResponse(200, {}, std::nullopt));
    exchange.readMore(1000);
  };
  for (const size_t size : {5u, 100'000u}) {
    auto whole = request("POST");
    whole.bodyKind = RequestBody::kComplete;
    whole.body.assign(size, 'w');
    EXPECT_EQ(run(whole)->body, whole.body);
  }
  for (const bool declared : {false, true}) {
    auto streamed = request("POST");
    streamed.bodyKind = RequestBody::kStreamed;
    if (declared) streamed.contentLength = 10;
    const auto got = start(streamed);
    EXPECT_TRUE(got->call->write(base::asBytes("early")));
    until([&] { return got->body == "early"; });
    EXPECT_TRUE(got->call->write(base::asBytes("later")));
    got->call->finish();
    until([&] { return got->ended; });
    EXPECT_EQ(got->body, "earlylater");
  }
  EXPECT_EQ(client->idleCount(), 1u);
}

TEST_F(ClientTest, shortStreamedBodiesFail) {
  open();
  makeClient();
  auto streamed = request("POST");
  streamed.bodyKind = RequestBody::kStreamed;
  streamed.contentLength = 10;
  const auto got = start(streamed);
  EXPECT_TRUE(got->call->write(base::asBytes("12345")));
  EXPECT_FALSE(got->call->write(base::asBytes("678901")));
  got->call->finish();
  until([&] { return got->over(); });
  EXPECT_EQ(got->error, ClientErrorKind::kBadRequest);
}

TEST_F(ClientTest, slowServersPushBackOnRequestBodies) {
  open();
  makeClient({.pendingBytesMax = 1 << 20});
  auto streamed = request("POST");
  streamed.bodyKind = RequestBody::kStreamed;
  const auto got = start(streamed);
  until([&] { return client->connectionCount() == 1; });
  const std::string piece(64 * 1024, 'p');
  EXPECT_TRUE(got->call->write(base::asBytes(piece)));
  until([&] { return requests == 1; });
  size_t sent = 0;
  while (got->call->write(base::asBytes(piece)) && sent < 256u << 20) sent += piece.size();
  EXPECT_LT(sent, 256u << 20);
  visit().grantBack = true;
  visit().exchange->readMore(1 << 20);
  until([&] { return got->drained > 0; });
  got->call->finish();
  until([&] { return visit().ended; });
  EXPECT_EQ(visit().body.size(), sent + piece.size());
}

TEST_F(ClientTest, responseBodiesComeAsGranted) {
  open();
  makeClient();
  const std::string large(8 << 20, 'l');
  auto got = start(request(), 0);
  got->grantBack = false;
  until([&] { return requests == 1; });
  Exchange& exchange = *visit().exchange;
  ASSERT_TRUE(exchange.startResponse(200, {}, large.size() * 4));
  for (int i = 0; i < 4; ++i) (void)exchange.write(base::asBytes(large));
  until([&] { return got->head.status == 200; });
  settle();
  EXPECT_EQ(got->body, "");
  EXPECT_GT(exchange.pendingBytes(), 0u);
  const size_t waiting = exchange.pendingBytes();
  settle();
  EXPECT_EQ(exchange.pendingBytes(), waiting);
  got->call->readMore(3);
  until([&] { return got->body.size() == 3; });
  settle();
  EXPECT_EQ(got->body, "lll");
}

TEST_F(ClientTest, theEndNeedsNoGrant) {
  open();
  makeClient();
  auto got = start(request(), 5);
  got->grantBack = false;
  until([&] { return requests == 1; });
  ASSERT_TRUE(visit().exchange->startResponse(200, {}, std::nullopt));
  EXPECT_EQ(visit().exchange->write(base::asBytes("hello")), WriteOutcome::kTaken);
  until([&] { return got->body == "hello"; });
  EXPECT_TRUE(visit().exchange->finish());
  until([&] { return got->ended; });
}

TEST_F(ClientTest, headRequestsEndWithTheHead) {
  open();
  makeClient();
  handle = [](Exchange& exchange) { EXPECT_TRUE(exchange.respond(200, {}, "12345")); };
  const auto got = run(request("HEAD"));
  EXPECT_EQ(got->head.headers.find("content-length"), "5");
  EXPECT_EQ(got->body, "");
  EXPECT_EQ(run(request("GET"))->body, "12345");
  EXPECT_EQ(server->connectionCount(), 1u);
}

TEST_F(ClientTest, cutResponsesAreLost) {
  open();
  makeClient();
  const auto got = start(request());
  until([&] { return requests == 1; });
  ASSERT_TRUE(visit().exchange->startResponse(200, {}, std::nullopt));
  EXPECT_EQ(visit().exchange->write(base::asBytes("part")), WriteOutcome::kTaken);
  until([&] { return got->body == "part"; });
  visit().exchange->abort();
  until([&] { return got->over(); });
  EXPECT_EQ(got->error, ClientErrorKind::kLost);
  EXPECT_EQ(client->connectionCount(), 0u);
}

// The response is here, and nobody has asked for its body yet.
TEST_F(ClientTest, aServerThatResetsBehindItsResponseHasAnswered) {
  open();
  struct Acceptor final : net::AcceptHandler {
    explicit Acceptor(net::Loop& loop) : loop(loop) {}
    void onAccept(net::Fd socket, const net::Address&) override {
      peer = std::make_unique<Resetting>();
      peer->stream = net::Stream::accept(loop, std::move(socket), *peer, {});
    }
    struct Resetting final : net::StreamHandler {
      void onReadable() override {
        std::byte byte[1];  // the rest stays unread, so that closing is a reset
        if (stream->read(byte).kind != net::Stream::ReadResult::kBytes) return;
        stream->write("HTTP/1.1 413 No\r\nContent-Length: 8\r\n\r\ntoo much");
        stream.reset();
      }
      void onError(const net::StreamError&) override {}
      std::unique_ptr<net::Stream> stream;
    };
    net::Loop& loop;
    std::unique_ptr<Resetting> peer;
  } acceptor(loop);
  const auto listener = std::move(net::Listener::open(loop, *net::Address::parse("127.0.0.1:0"), acceptor).value());
  makeClient();
  auto what = request("POST");
  what.port = listener->address().port();
  what.bodyKind = RequestBody::kStreamed;
  for (int i = 0; i < 20; ++i) {
    auto got = start(what, 0);
    until([&] { return got->head.status == 413; });
    EXPECT_TRUE(got->call->write(base::asBytes("a body that goes nowhere")));
    settle();
    EXPECT_EQ(got->error, std::nullopt);
    got->call->readMore(100);
    until([&] { return got->over(); });
    EXPECT_TRUE(got->ended);
    EXPECT_EQ(got->body, "too much");
    EXPECT_EQ(client->connectionCount(), 0u);
  }
}

TEST_F(ClientTest, droppingACallClosesItsConnection) {
  open();
  makeClient();
  auto got = start(request());
  until([&] { return requests == 1; });
  got->call.reset();
  until([&] { return visit().gone; });
  EXPECT_EQ(client->connectionCount(), 0u);
  EXPECT_FALSE(got->over());
}

TEST_F(ClientTest, callsMayBeDroppedFromEveryCallback) {
  open();
  makeClient();
  handle = [](Exchange& exchange) {
    EXPECT_TRUE(exchange.respond(exchange.head().method == "HEAD" ? 204 : 200, {}, "hello"));
  };
  for (const char* method : {"GET", "HEAD"}) {
    for (const char* at : {"head", "body", "end"}) {
      if (std::string(method) == "HEAD" && std::string(at) == "body") continue;
      auto got = std::make_unique<Outcome>();
      got->dropAt = at;
      got->call = client->start(request(method), *got);
      got->call->readMore(100);
      until([&] { return got->call == nullptr; });
      EXPECT_FALSE(got->error);
    }
  }
  settle();
  EXPECT_EQ(client->connectionCount(), client->idleCount());
}

TEST_F(ClientTest, droppingBeforeTheLoopRunsStartsNothing) {
  open();
  makeClient();
  start(request())->call.reset();
  settle();
  EXPECT_EQ(requests, 0);
  EXPECT_EQ(server->connectionCount(), 0u);
}

TEST_F(ClientTest, aConnectionTheServerClosedIsNotReused) {
  open({.idleTimeout = 20ms});
  makeClient();
  handle = [](Exchange& exchange) { EXPECT_TRUE(exchange.respond(200, {}, "x")); };
  run(request());
  EXPECT_EQ(client->idleCount(), 1u);
  until([&] { return client->idleCount() == 0; });
  EXPECT_EQ(run(request())->body, "x");
}

// Accepts, answers the first request and drops the connection at the second without a byte.
class StalePool : public ClientTest {
 protected:
  void prepare() {
    open();
    makeClient();
    handle = [this](Exchange& exchange) {
      if (requests == 2) {
        visits.push_back(std::make_unique<Visit>(exchange));
        return exchange.abort();
      }
      EXPECT_TRUE(exchange.respond(200, {}, "x"));
    };
    run(request());
    ASSERT_EQ(client->idleCount(), 1u);
  }
};

TEST_F(StalePool, idempotentRequestsAreSentOnceMore) {
  prepare();
  EXPECT_EQ(run(request())->body, "x");
  EXPECT_EQ(requests, 3);
}

TEST_F(StalePool, otherRequestsAreNot) {
  prepare();
  EXPECT_EQ(run(request("POST"))->error, ClientErrorKind::kLost);
  EXPECT_EQ(requests, 2);
}

TEST_F(ClientTest, idleConnectionsTimeOut) {
  open();
  makeClient({.poolIdleTimeout = 20ms});
  handle = [](Exchange& exchange) { EXPECT_TRUE(exchange.respond(200, {}, "x")); };
  run(request());
  EXPECT_EQ(client->idleCount(), 1u);
  until([&] { return client->idleCount() == 0 && server->connectionCount() == 0; });
}

TEST_F(ClientTest, thePoolIsBounded) {
  open();
  makeClient({.poolIdlePerOriginMax = 2});
  std::vector<std::unique_ptr<Outcome>> calls;
  for (int i = 0; i < 5; ++i) calls.push_back(start(request()));
  until([&] { return requests == 5; });
  for (const auto& each : visits) EXPECT_TRUE(each->exchange->respond(200, {}, "x"));
  until([&] { return std::all_of(calls.begin(), calls.end(), [](const auto& each) { return each->ended; }); });
  EXPECT_EQ(client->idleCount(), 2u);
  EXPECT_EQ(client->connectionCount(), 2u);
}

TEST_F(ClientTest, connectionsAreBounded) {
  open();
  makeClient({.upstreamConnectionsMax = 1});
  const auto first = start(request());
  until([&] { return requests == 1; });
  EXPECT_EQ(run(request())->error, ClientErrorKind::kOverloaded);
  EXPECT_TRUE(visit().exchange->respond(200, {}, "x"));
  until([&] { return first->ended; });
}

TEST_F(ClientTest, slowHeadsTimeOut) {
  open();
  makeClient({.responseHeadTimeout = 20ms});
  EXPECT_EQ(run(request())->error, ClientErrorKind::kResponseTimeout);
  until([&] { return visit().gone; });
}

TEST_F(ClientTest, refusedConnectsAndUnknownNamesAreTold) {
  open();
  makeClient();
  auto refused = request();
  server.reset();
  EXPECT_EQ(run(refused)->error, ClientErrorKind::kConnect);
  auto unknown = refused;
  unknown.host = "no.such.name.invalid";
  EXPECT_EQ(run(unknown)->error, ClientErrorKind::kDns);
  EXPECT_EQ(client->connectionCount(), 0u);
}

TEST_F(ClientTest, namesAreResolvedAndHostSaysSo) {
  open();
  makeClient();
  handle = [](Exchange& exchange) { EXPECT_TRUE(exchange.respond(200, {}, exchange.head().authority)); };
  auto named = request();
  named.host = "localhost";
  EXPECT_EQ(run(named)->body, "localhost:" + std::to_string(named.port));
  named.headers.add("Host", "other.example");
  EXPECT_EQ(run(named)->body, "other.example");
}

TEST_F(ClientTest, thePolicyIsAskedBeforeConnecting) {
  open();
  makeClient();
  handle = [](Exchange& exchange) { EXPECT_TRUE(exchange.respond(200, {}, "x")); };
  run(request());  // leaves a pooled connection behind, which must not help
  const NoLoopback policy;
  for (const char* host : {"127.0.0.1", "localhost"}) {
    auto refused = request();
    refused.host = host;
    refused.policy = &policy;
    EXPECT_EQ(run(refused)->error, ClientErrorKind::kRefused);
  }
  EXPECT_EQ(requests, 1);
}

// A name that leads somewhere else from one moment to the next gets nobody anywhere: each connection is judged by the
// address that it is made to, whatever was said of the name before.
TEST_F(ClientTest, thePolicyJudgesTheAddressThatIsConnectedTo) {
  class Judge final : public AddressPolicy {
   public:
    uint16_t refuses(const net::Address& address, std::string_view host) const override {
      asked.push_back(address);
      EXPECT_EQ(host, "localhost");
      return refusing ? 1021 : 0;
    }
    mutable std::vector<net::Address> asked;
    bool refusing = false;
  };
  open();
  makeClient();
  handle = [](Exchange& exchange) { EXPECT_TRUE(exchange.respond(200, {}, "x")); };
  Judge judge;
  auto named = request();
  named.host = "localhost";
  named.policy = &judge;
  EXPECT_EQ(run(named)->body, "x");
  ASSERT_FALSE(judge.asked.empty());
  EXPECT_EQ(judge.asked.back(), server->address());
  makeClient();  // without the connection that is open
  judge.asked.clear();
  EXPECT_EQ(run(named)->body, "x");
  ASSERT_FALSE(judge.asked.empty()) << "again, although the name is known";
  EXPECT_EQ(judge.asked.back(), server->address());
  makeClient();
  judge.refusing = true;
  judge.asked.clear();
  EXPECT_EQ(run(named)->error, ClientErrorKind::kRefused);
  for (const auto& address : judge.asked) EXPECT_EQ(address.scope(), net::AddressScope::kLoopback);
  EXPECT_EQ(requests, 2);
}

TEST_F(ClientTest, requestsThatCannotBeSentAreRefused) {
  open();
  makeClient();
  auto injected = request();
  injected.headers.add("A", "b\r\nC: d");
  EXPECT_EQ(run(injected)->error, ClientErrorKind::kBadRequest);
  EXPECT_EQ(run(request("GET", "/ HTTP/1.1\r\nA: b"))->error, ClientErrorKind::kBadRequest);
  EXPECT_EQ(run(request("CONNECT"))->error, ClientErrorKind::kBadRequest);
  EXPECT_EQ(requests, 0);
}

TEST_F(ClientTest, upgradesHandOverTheStream) {
  open();
  makeClient();
  std::unique_ptr<Peer> serverEnd;
  class Raw final : public net::StreamHandler {
    void onReadable() override {}
    void onError(const net::StreamError&) override {}
  } raw;
  std::unique_ptr<net::Stream> kept;
  handle = [&](Exchange& exchange) {
    auto upgraded = exchange.upgrade("echo", {}, raw);
    ASSERT_TRUE(upgraded);
    kept = std::move(upgraded->stream);
    kept->write("first");
  };
  auto asked = request();
  asked.upgrade = "echo";
  const auto got = run(asked);
  ASSERT_TRUE(got->stream) << got->message;
  EXPECT_EQ(got->head.status, 101);
  EXPECT_EQ(client->connectionCount(), 0u);
}

// ---- TLS ---------------------------------------------------------------------------------------------------------

// A self-signed certificate for "localhost" in files of their own.
class Certificate {
 public:
  Certificate() {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("weir test"), -1, -1,
                               0);
    X509_set_issuer_name(certificate, name);
    for (const auto& [nid, value] :
         {std::pair{NID_subject_alt_name, "DNS:localhost"}, std::pair{NID_basic_constraints, "CA:TRUE"}}) {
      X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
      X509_add_ext(certificate, extension, -1);
      X509_EXTENSION_free(extension);
    }
    X509_sign(certificate, key, EVP_sha256());
    certificateFile = write([&](FILE* file) { PEM_write_X509(file, certificate); });
    keyFile = write([&](FILE* file) { PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr); });
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ~Certificate() {
    unlink(certificateFile.c_str());
    unlink(keyFile.c_str());
  }
  std::string certificateFile;
  std::string keyFile;

 private:
  static std::string write(const std::function<void(FILE*)>& print) {
    std::string path = testing::TempDir() + "weir-tls-XXXXXX";
    FILE* file = fdopen(mkstemp(path.data()), "w");
    print(file);
    fclose(file);
    return path;
  }
};

class TlsTest : public ClientTest {
 protected:
  void SetUp() override {
    serverTls = std::move(net::TlsServerContext::make(certificate.certificateFile, certificate.keyFile).value());
    open({}, serverTls.get());
  }
  void trust(const net::TlsClientOptions& options) {
    clientTls = std::move(net::TlsClientContext::make(options).value());
    makeClient({}, clientTls.get());
  }
  ClientRequest secure(const std::string& method = "GET") {
    auto made = request(method);
    made.https = true;
    made.host = "localhost";
    return made;
  }
  void TearDown() override {
    client.reset();
    server.reset();
  }

  Certificate certificate;
  std::unique_ptr<net::TlsServerContext> serverTls;
  std::unique_ptr<net::TlsClientContext> clientTls;
};

TEST_F(TlsTest, carriesLargeBodiesBothWaysAndReusesTheConnection) {
  trust({.trustSystemStore = false, .caFile = certificate.certificateFile});
  handle = [&](Exchange& exchange) {
    EXPECT_TRUE(exchange.isTls());
    visits.push_back(std::make_unique<Visit>(exchange));
    visit().grantBack = visit().echo = true;
    ASSERT_TRUE(exchange.startResponse(200, {}, std::nullopt));
    exchange.readMore(64 * 1024);
  };
  for (int i = 0; i < 2; ++i) {
    auto large = secure("POST");
    large.bodyKind = RequestBody::kComplete;
    for (int n = 0; n < 300'000; ++n) large.body += std::to_string(n);
    const auto got = run(large);
    ASSERT_FALSE(got->error) << got->message;
    EXPECT_TRUE(got->body == large.body);
  }
  EXPECT_EQ(server->connectionCount(), 1u);
}

TEST_F(TlsTest, certificatesOfStrangersAreRefused) {
  trust({.trustSystemStore = true, .caFile = {}});
  const auto got = run(secure());
  EXPECT_EQ(got->error, ClientErrorKind::kCertificate);
  EXPECT_NE(got->message.find("certificate"), std::string::npos) << got->message;
  EXPECT_EQ(requests, 0);
}

TEST_F(TlsTest, theSystemsStoreIsReadForTheFirstSession) {
  ASSERT_EQ(setenv("SSL_CERT_FILE", certificate.certificateFile.c_str(), 1), 0);
  trust({.trustSystemStore = true, .caFile = {}});
  handle = [](Exchange& exchange) { ASSERT_TRUE(exchange.respond(200, {}, "trusted")); };
  const auto got = run(secure());
  unsetenv("SSL_CERT_FILE");
  EXPECT_FALSE(got->error) << got->message;
  EXPECT_EQ(requests, 1);
}

TEST_F(TlsTest, certificatesForOtherNamesAreRefused) {
  trust({.trustSystemStore = false, .caFile = certificate.certificateFile});
  auto other = secure();
  other.host = "127.0.0.1";
  EXPECT_EQ(run(other)->error, ClientErrorKind::kCertificate);
  EXPECT_EQ(requests, 0);
}

TEST_F(TlsTest, clientsGoneWithinARequestAreTold) {
  trust({.trustSystemStore = false, .caFile = certificate.certificateFile});
  auto got = start(secure());
  until([&] { return requests == 1; });
  got->call.reset();
  until([&] { return visit().gone; });
}

TEST_F(TlsTest, plainSpeakersAreDropped) {
  auto peer = connect();
  peer->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  until([&] { return peer->closed(); });
  EXPECT_EQ(requests, 0);
  until([&] { return server->connectionCount() == 0; });
}

// Speaks TLS over a raw peer by hand, so that a record can be sent in parts.
class HandMadeTls {
 public:
  HandMadeTls() : context_(SSL_CTX_new(TLS_client_method())), ssl_(SSL_new(context_.get())) {
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
  }
  // Moves bytes between the session and the peer; true once the handshake is done.
  bool handshake(Peer& peer) {
    BIO_write(SSL_get_rbio(ssl_.get()), peer.received.data(), static_cast<int>(peer.received.size()));
    peer.received.clear();
    const bool done = SSL_do_handshake(ssl_.get()) == 1;
    if (const std::string out = takeOutput(); !out.empty()) peer.send(out);
    return done;
  }
  std::string encrypt(std::string_view text) {
    SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
    return takeOutput();
  }

 private:
  std::string takeOutput() {
    std::string out(BIO_ctrl_pending(SSL_get_wbio(ssl_.get())), 0);
    if (!out.empty()) BIO_read(SSL_get_wbio(ssl_.get()), out.data(), static_cast<int>(out.size()));
    return out;
  }
  std::unique_ptr<SSL_CTX, net::SslDeleter> context_;
  net::SslSession ssl_;
};

TEST_F(TlsTest, halfARecordLetsTheLoopSleep) {
  struct Count final : net::BatchHook {
    void onBatchEnd() override { ++iterations; }
    int iterations = 0;
  } count;
  handle = [](Exchange& exchange) { EXPECT_TRUE(exchange.respond(200, {}, "x")); };
  auto peer = connect();
  HandMadeTls tls;
  until([&] { return tls.handshake(*peer); });
  const std::string record = tls.encrypt("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  peer->send(record.substr(0, record.size() / 2));
  settle();
  loop.addBatchHook(count);
  const auto enough = clock.now() + 50ms;
  while (clock.now() < enough) loop.runOnce(50ms);
  loop.removeBatchHook(count);
  EXPECT_LT(count.iterations, 10);
  EXPECT_EQ(requests, 0);
  peer->send(record.substr(record.size() / 2));
  until([&] { return requests == 1; });
}

}  // namespace
}  // namespace weir::http
