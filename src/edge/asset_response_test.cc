#include "edge/asset_response.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <future>
#include <set>

#include "catalog/sqlite_catalog.h"
#include "http/test_server.h"

namespace weir::edge {
namespace {

class AssetResponseTest : public http::ServerTest, private AssetResponseOwner {
 protected:
  AssetResponseTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-asset-XXXXXX").string();
    folder = mkdtemp(pattern.data());
    catalog_ = openCatalog();
    account = catalog_->addAccount({"acme", catalog::Plan::kPaid, {}, "acme"}).value().id;
    handle = [this](http::Exchange& exchange) {
      const auto& head = exchange.head();
      auto answer = site->answer({head.method, false, head.authority, head.target, head.headers});
      const auto coding = AssetResponse::chooseCoding(head.headers.find("accept-encoding").value_or(""), answer);
      if (AssetResponse::respondAtOnce(exchange, *cache, answer, coding)) {
        ++atOnce;
        return;
      }
      const auto made = std::make_shared<AssetResponse>(static_cast<AssetResponseOwner&>(*this), loop, *cache, site,
                                                        std::move(answer), coding);
      responses.insert(made);
      made->start(exchange);
    };
  }
  ~AssetResponseTest() override {
    cache.reset();
    server.reset();
    catalog_.reset();
    std::filesystem::remove_all(folder);
  }

  std::unique_ptr<catalog::SqliteCatalog> openCatalog() {
    auto opened = catalog::SqliteCatalog::open(folder + "/catalog.db", {clock, random});
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    return std::move(opened).value();
  }
  // Serves these texts, by path.
  void serve(const std::vector<std::pair<std::string, std::string>>& texts, AssetCache::Options options = {}) {
    auto& store = catalog_->assets();
    std::vector<assets::File> files;
    catalog::NewAssetSession session;
    session.account = account;
    session.expiresMs = static_cast<catalog::UnixMs>(clock.wallMs()) + 1'000'000;
    std::vector<catalog::UploadedAsset> uploads;
    for (const auto& [path, text] : texts) {
      assets::File file;
      file.path = path;
      file.hash.fill(static_cast<uint8_t>(files.size() + 1));
      file.size = text.size();
      file.type = "text/plain";
      files.push_back(file);
      session.files.push_back({file.hash, text.size()});
      const auto bytes = std::as_bytes(std::span(text));
      uploads.push_back({file.hash, "text/plain", {bytes.begin(), bytes.end()}});
    }
    const auto opened = store.openSession(session);
    ASSERT_TRUE(opened.ok());
    ASSERT_TRUE(store.addAssets(opened->id, uploads).value());
    for (auto& file : files) file.content = store.findAssets(account, {file.hash}).value()[0].content;
    site = std::make_shared<assets::Site>(std::move(*assets::FileTable::decode(assets::FileTable::encode(files))),
                                          assets::SiteConfig{}, false);
    options.openCatalog = [this]() -> catalog::Result<std::unique_ptr<catalog::Catalog>> {
      if (gate.valid()) gate.wait();
      return std::unique_ptr<catalog::Catalog>(openCatalog());
    };
    cache = std::make_unique<AssetCache>(std::move(options));
    open();
    peer = connect();
  }
  std::string get(const std::string& target, const std::string& more = "") {
    peer->send("GET " + target + " HTTP/1.1\r\nHost: x\r\n" + more + "\r\n");
    until([&] { return peer->take("\r\n\r\n"); }, target.c_str());
    const std::string head = peer->taken;
    const size_t at = head.find("Content-Length: ");
    EXPECT_NE(at, std::string::npos) << head;
    const size_t size = std::stoul(head.substr(at + 16));
    until([&] { return peer->received.size() >= size; }, target.c_str());
    body = peer->received.substr(0, size);
    peer->received.erase(0, size);
    return head;
  }

  void onAssetOver(AssetResponse& response) override {
    ++over;
    for (const auto& each : responses) {
      if (each.get() != &response) continue;
      loop.dispose(std::make_unique<std::shared_ptr<AssetResponse>>(each));
      responses.erase(each);
      return;
    }
  }
  void onAssetFailed(AssetResponse&, http::Exchange& exchange) override {
    EXPECT_TRUE(exchange.respond(503, {}, "not now"));
  }

  base::SystemRandom random;
  std::shared_future<void> gate;  // holds up reads of the catalog
  std::string folder;
  std::unique_ptr<catalog::SqliteCatalog> catalog_;
  std::string account;
  std::shared_ptr<const assets::Site> site;
  std::unique_ptr<AssetCache> cache;
  std::set<std::shared_ptr<AssetResponse>> responses;
  std::unique_ptr<http::Peer> peer;
  std::string body;
  int atOnce = 0;
  int over = 0;
};

std::string pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 31 + i / 251) % 256);
  return text;
}

TEST_F(AssetResponseTest, readsOnceAndThenAnswersAtOnce) {
  serve({{"/a.txt", "hello"}});
  EXPECT_EQ(get("/a.txt").substr(0, 15), "HTTP/1.1 200 OK");
  EXPECT_EQ(body, "hello");
  EXPECT_EQ(atOnce, 0);
  EXPECT_EQ(over, 1);
  EXPECT_TRUE(responses.empty());
  get("/a.txt");
  EXPECT_EQ(body, "hello");
  EXPECT_EQ(atOnce, 1);
  EXPECT_EQ(cache->figures().reads, 1u);
}

TEST_F(AssetResponseTest, largeFilesComeInPieces) {
  const std::string text = pattern(3 * catalog::kAssetPieceBytes + 17);
  serve({{"/large", text}});
  get("/large");
  EXPECT_TRUE(body == text);
  EXPECT_EQ(cache->figures().reads, 4u);
  const size_t from = catalog::kAssetPieceBytes - 2, to = catalog::kAssetPieceBytes + 2;
  const std::string head = get("/large", "Range: bytes=" + std::to_string(from) + "-" + std::to_string(to) + "\r\n");
  EXPECT_EQ(head.substr(0, 12), "HTTP/1.1 206");
  EXPECT_TRUE(body == text.substr(from, to - from + 1));
}

std::string lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "line " + std::to_string(int64_t{i} * i % 9973) + "\n";
  return text;
}

TEST_F(AssetResponseTest, isCodedOnceForAllWhoTakeIt) {
  const std::string text = lines(60'000);  // in two pieces
  ASSERT_GT(text.size(), catalog::kAssetPieceBytes);
  serve({{"/a.txt", text}});
  for (int i = 0; i < 2; ++i) {
    const std::string head = get("/a.txt", "Accept-Encoding: gzip, br\r\n");
    EXPECT_NE(head.find("content-encoding: br\r\n"), std::string::npos) << head;
    EXPECT_NE(head.find("vary: accept-encoding\r\n"), std::string::npos) << head;
    EXPECT_NE(head.find("etag: W/\"0101"), std::string::npos) << head;
    EXPECT_LT(body.size(), text.size() / 2);
    EXPECT_EQ(cache->figures().reads, 1u);
  }
  const std::string coded = body;
  EXPECT_NE(get("/a.txt", "Accept-Encoding: gzip\r\n").find("content-encoding: gzip\r\n"), std::string::npos);
  EXPECT_NE(body, coded);
  EXPECT_EQ(cache->figures().reads, 2u);
  const std::string head = get("/a.txt");
  EXPECT_EQ(head.find("content-encoding"), std::string::npos) << head;
  EXPECT_NE(head.find("vary: accept-encoding\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("etag: \"0101"), std::string::npos) << head;
  EXPECT_TRUE(body == text);
}

TEST_F(AssetResponseTest, partsSmallOnesAndWhatDoesNotBecomeSmallerAreNotCoded) {
  serve({{"/a.txt", lines(1'000)},
         {"/small", lines(3)},
         {"/dense", pattern(200)},
         {"/large", std::string((2u << 20) + 1, 'a')}});
  const std::string take = "Accept-Encoding: br\r\n";
  EXPECT_EQ(get("/a.txt", take + "Range: bytes=0-4\r\n").find("content-encoding"), std::string::npos);
  EXPECT_EQ(body, "line ");
  for (const char* path : {"/small", "/dense", "/large"})
    EXPECT_EQ(get(path, take).find("content-encoding"), std::string::npos) << path;
}

TEST_F(AssetResponseTest, whatCodingDoesNotMakeSmallerIsSentAsItIs) {
  std::string noise(1'000, '\0');
  uint32_t state = 1;
  for (char& c : noise) c = static_cast<char>((state = state * 1'664'525u + 1'013'904'223u) >> 24);
  serve({{"/noise", noise}});
  for (int i = 0; i < 2; ++i) {
    const std::string head = get("/noise", "Accept-Encoding: gzip\r\n");
    EXPECT_EQ(head.find("content-encoding"), std::string::npos) << head;
    EXPECT_NE(head.find("etag: \"0101"), std::string::npos) << head;
    EXPECT_TRUE(body == noise);
  }
  EXPECT_EQ(cache->figures().reads, 2u);
}

TEST_F(AssetResponseTest, aTagOfACodedFileIsStillTheFiles) {
  serve({{"/a.txt", lines(1'000)}});
  get("/a.txt", "Accept-Encoding: gzip\r\n");
  const std::string tag = "W/\"01010101010101010101010101010101\"";
  peer->send("GET /a.txt HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nIf-None-Match: " + tag + "\r\n\r\n");
  until([&] { return peer->take("\r\n\r\n"); });
  EXPECT_EQ(peer->taken.substr(0, 12), "HTTP/1.1 304") << peer->taken;
  EXPECT_NE(peer->taken.find("etag: " + tag), std::string::npos) << peer->taken;
}

TEST_F(AssetResponseTest, anEmptyFileHasNoPiece) {
  serve({{"/empty", ""}});
  EXPECT_EQ(get("/empty").substr(0, 15), "HTTP/1.1 200 OK");
  EXPECT_EQ(body, "");
  EXPECT_EQ(cache->figures().reads, 0u);
}

TEST_F(AssetResponseTest, aHeadHasTheLengthAndNoBody) {
  serve({{"/a.txt", "hello"}});
  peer->send("HEAD /a.txt HTTP/1.1\r\nHost: x\r\n\r\n");
  until([&] { return peer->take("\r\n\r\n"); });
  EXPECT_NE(peer->taken.find("Content-Length: 5\r\n"), std::string::npos) << peer->taken;
  EXPECT_EQ(cache->figures().reads, 0u);
  get("/a.txt");
  EXPECT_EQ(body, "hello");  // the connection is in step
}

TEST_F(AssetResponseTest, piecesThatAreNotUsedGo) {
  serve({{"/a", std::string(100'000, 'a')}, {"/b", std::string(100'000, 'b')}, {"/c", std::string(100'000, 'c')}},
        {.openCatalog = {}, .bytesMax = 220'000});
  get("/a");
  get("/b");
  get("/a");
  get("/c");  // the least recently used makes room: b
  EXPECT_LE(cache->figures().bytes, 220'000u);
  EXPECT_EQ(cache->figures().reads, 3u);
  get("/a");
  EXPECT_EQ(cache->figures().reads, 3u);
  get("/b");
  EXPECT_EQ(cache->figures().reads, 4u);
}

TEST_F(AssetResponseTest, twoThatWaitForAPieceReadItOnce) {
  std::promise<void> hold;
  gate = hold.get_future().share();
  serve({{"/a.txt", "hello"}});
  const auto other = connect();
  for (auto* each : {peer.get(), other.get()}) each->send("GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n");
  until([&] { return responses.size() == 2; });
  hold.set_value();
  until([&] { return peer->take("hello"); });
  until([&] { return other->take("hello"); });
  EXPECT_EQ(cache->figures().reads, 1u);
}

TEST_F(AssetResponseTest, aClientThatGoesIsForgotten) {
  std::promise<void> hold;
  gate = hold.get_future().share();
  serve({{"/a.txt", "hello"}});
  peer->send("GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n");
  until([&] { return responses.size() == 1; });
  peer.reset();
  until([&] { return responses.empty(); });
  hold.set_value();
  peer = connect();
  get("/a.txt");
  EXPECT_EQ(body, "hello");
}

TEST_F(AssetResponseTest, tooManyReadsAreRefused) {
  std::promise<void> hold;
  gate = hold.get_future().share();
  serve({{"/a.txt", "hello"}, {"/b.txt", "world"}}, {.openCatalog = {}, .waitingMax = 1});
  peer->send("GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n");
  until([&] { return responses.size() == 1; });
  const auto other = connect();
  other->send("GET /b.txt HTTP/1.1\r\nHost: x\r\n\r\n");
  until([&] { return other->take("not now"); });
  hold.set_value();
  until([&] { return peer->take("hello"); });
}

TEST_F(AssetResponseTest, aFileThatIsGoneIsAFailureAndNotAHang) {
  serve({{"/a.txt", "hello"}});
  ASSERT_TRUE(catalog_->connection().run("DELETE FROM asset_pieces").ok());
  peer->send("GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n");
  until([&] { return peer->take("not now"); });
}

}  // namespace
}  // namespace weir::edge
