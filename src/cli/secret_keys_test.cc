#include "cli/secret_keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/whole_file.h"
#include "catalog/sqlite_catalog.h"
#include "cli/first_token.h"

namespace weir::cli {
namespace {

class SecretKeysTest : public testing::Test {
 protected:
  SecretKeysTest() {
    std::string name = testing::TempDir() + "weir-keys-XXXXXX";
    data_ = mkdtemp(name.data());
    catalog_ = catalog::SqliteCatalog::open(data_ + "/catalog.db", {clock_, random_}).value();
    account_ = catalog_->addAccount({"acme", catalog::Plan::kPaid, {}, {}}).value();
  }
  ~SecretKeysTest() override {
    catalog_.reset();
    std::filesystem::remove_all(data_);
  }
  std::shared_ptr<KeySource> source(const std::string& command = "") {
    return std::make_shared<KeySource>(path(), command);
  }
  auto open(const std::string& command = "") {
    return openKeyring(KeyLock::take(data_).value(), source(command), *catalog_, random_);
  }
  auto rotate(const std::string& command = "") {
    return rotateSecretKey(KeyLock::take(data_).value(), source(command), *catalog_, random_);
  }
  std::string path() const { return secretKeyPath(data_); }
  std::string file() const { return base::readWholeFile(path(), 1'000'000).value().value_or("none"); }
  static std::string idOf(const std::string& hex) { return catalog::SecretKey::parse(hex.substr(0, 64))->id(); }
  // A version with one secret.
  uint64_t upload(catalog::Keyring& ring, const std::string& text) {
    catalog::NewVersion version;
    version.account = account_.id;
    version.script = "shop";
    version.modules = {{"index.js", catalog::ModuleKind::kEsModule, "application/javascript+module", {}}};
    version.secrets = {ring.seal({account_.id, "shop", "A"}, text)};
    return catalog_->addVersion(version, {}).value().number;
  }
  std::string secretOf(catalog::Keyring& ring, uint64_t version) {
    const auto secret = catalog_->secrets(version).value().at(0);
    const auto text = ring.open({account_.id, "shop", secret.name}, secret);
    return text.ok() ? std::string(text->view()) : text.error().message;
  }

  base::SystemClock clock_;
  base::SystemRandom random_;
  std::string data_;
  std::unique_ptr<catalog::SqliteCatalog> catalog_;
  catalog::Account account_;
};

TEST_F(SecretKeysTest, theFirstStartMakesAKeyForItsOwnerAlone) {
  auto ring = open();
  ASSERT_TRUE(ring.ok()) << ring.error().message;
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(file().size(), 65u);
  EXPECT_EQ(catalog_->secretKey().value(), idOf(file()));
  const std::string before = file();
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(file(), before);
}

TEST_F(SecretKeysTest, rotationSealsAnewAndDropsTheOldKey) {
  auto ring = std::move(open()).value();
  const uint64_t version = upload(*ring, "hunter2");
  const std::string before = file();
  const auto done = rotate();
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(done->secrets, 1u);
  EXPECT_EQ(done->before, idOf(before));
  EXPECT_EQ(done->after, idOf(file()));
  EXPECT_NE(file(), before);
  EXPECT_EQ(file().size(), 65u);
  // One that was open all the time follows.
  EXPECT_EQ(secretOf(*ring, version), "hunter2");
  EXPECT_TRUE(ring->use(done->after));
  EXPECT_EQ(ring->seal({"a", "b", "c"}, "x").key, done->after);
  EXPECT_EQ(secretOf(*open().value(), version), "hunter2");
}

// After each of its steps.
TEST_F(SecretKeysTest, aRotationThatDiedIsGoneOnWith) {
  auto ring = std::move(open()).value();
  const uint64_t version = upload(*ring, "hunter2");
  const std::string old = file();
  const std::string made = std::string(64, 'a') + "\n";
  ASSERT_TRUE(base::writeWholeFile(path(), made + old).ok());  // the new key is in the file, and that is all
  {
    auto started = open();
    ASSERT_TRUE(started.ok()) << started.error().message;
    EXPECT_EQ((*started)->current(), idOf(old));
    EXPECT_EQ(secretOf(**started, version), "hunter2");
    EXPECT_EQ(file(), made + old);
  }
  const auto done = rotate();
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(done->after, idOf(made));  // no third key
  EXPECT_EQ(file(), made);

  ASSERT_TRUE(base::writeWholeFile(path(), made + old).ok());  // all but the last step
  auto started = open();
  ASSERT_TRUE(started.ok()) << started.error().message;
  EXPECT_EQ((*started)->current(), idOf(made));
  EXPECT_EQ(secretOf(**started, version), "hunter2");
  EXPECT_EQ(file(), made);
}

TEST_F(SecretKeysTest, theWrongKeyIsToldByItsId) {
  ASSERT_TRUE(open().ok());
  const std::string right = file();
  const std::string wrong = std::string(64, 'b') + "\n";
  ASSERT_TRUE(base::writeWholeFile(path(), wrong).ok());
  EXPECT_EQ(open().error().message, path() + ": it has the key " + idOf(wrong) +
                                        ", but secrets in the catalog are sealed with " + idOf(right) +
                                        "; give it that key again (an old copy of the file, a backup of it)");
  EXPECT_FALSE(rotate().ok());
  EXPECT_EQ(file(), wrong);

  std::filesystem::remove(path());
  EXPECT_EQ(open().error().message,
            path() + ": it is missing, and secrets in the catalog are sealed with its key " + idOf(right) +
                "; put it back from where it is kept, or name the command that prints it with --secret-key-command");
  EXPECT_FALSE(std::filesystem::exists(path()));

  ASSERT_TRUE(base::writeWholeFile(path(), right + "xyz\n").ok());
  EXPECT_EQ(open().error().message, path() + ": line 2 is no key: a key has 64 hexadecimal digits");
  ASSERT_TRUE(base::writeWholeFile(path(), right).ok());
  ASSERT_EQ(::chmod(path().c_str(), 0640), 0);
  EXPECT_EQ(open().error().message, path() + ": others than its owner can read or write it; run chmod 600 " + path() +
                                        ", and change the key if they may have");
}

TEST_F(SecretKeysTest, aCommandPrintsTheKeys) {
  const std::string one(64, '1');
  const std::string two(64, '2');
  {
    auto ring = open("echo " + one);
    ASSERT_TRUE(ring.ok()) << ring.error().message;
    EXPECT_FALSE(std::filesystem::exists(path()));
    const uint64_t version = upload(**ring, "hunter2");
    const auto early = rotate("echo " + one);
    ASSERT_FALSE(early.ok());
    EXPECT_TRUE(early.error().message.starts_with("--secret-key-command: it prints the key in use, " + idOf(one)));
    const auto done = rotate("printf '" + two + "\\n" + one + "\\n'");
    ASSERT_TRUE(done.ok()) << done.error().message;
    EXPECT_EQ(done->after, idOf(two));
    EXPECT_EQ(secretOf(*open("echo " + two).value(), version), "hunter2");
  }
  EXPECT_EQ(open("exit 3").error().message, "--secret-key-command: it ended with 3");
  EXPECT_EQ(open("kill -9 $$").error().message, "--secret-key-command: it was ended by signal 9");
  EXPECT_EQ(open("true").error().message, "--secret-key-command: there is no key: a line of 64 hexadecimal digits");
  EXPECT_EQ(open("yes").error().message, "--secret-key-command: it prints more than keys");
  EXPECT_EQ(open("no-such-command 2>/dev/null").error().message, "--secret-key-command: it ended with 127");
}

TEST_F(SecretKeysTest, theFirstTokenIsMadeOnce) {
  catalog::NewToken earlier;
  earlier.name = "ci";
  earlier.scope.account = account_.id;
  ASSERT_TRUE(catalog_->addToken(earlier).ok());
  ASSERT_TRUE(makeFirstToken(data_, true, *catalog_, account_, random_).ok());
  const auto text = [&] {
    std::string line = base::readWholeFile(tokenPath(data_), 1'000).value().value_or("none\n");
    line.pop_back();
    return line;
  };
  const auto known = [&] { return catalog_->findToken(catalog::tokenHash(text())).value(); };
  const std::string first = text();
  ASSERT_TRUE(known().has_value());
  EXPECT_EQ(known()->scope.account, account_.id);
  ASSERT_TRUE(makeFirstToken(data_, false, *catalog_, account_, random_).ok());
  EXPECT_EQ(text(), first);

  // A start that died before the file was there.
  std::filesystem::remove(tokenPath(data_));
  ASSERT_TRUE(makeFirstToken(data_, false, *catalog_, account_, random_).ok());
  EXPECT_NE(text(), first);
  ASSERT_TRUE(known().has_value());
  EXPECT_EQ(catalog_->tokens(std::nullopt).value().size(), 2u);

  // Moved to where it is used.
  ASSERT_TRUE(catalog_->noteTokenUse(known()->id, "127.0.0.1").ok());
  std::filesystem::remove(tokenPath(data_));
  ASSERT_TRUE(makeFirstToken(data_, false, *catalog_, account_, random_).ok());
  EXPECT_EQ(text(), "none");

  // Revoked, as others are not.
  ASSERT_TRUE(catalog_->removeToken("first start").ok());
  ASSERT_TRUE(makeFirstToken(data_, false, *catalog_, account_, random_).ok());
  EXPECT_EQ(text(), "none");
  ASSERT_TRUE(catalog_->removeToken("ci").ok());
  ASSERT_TRUE(makeFirstToken(data_, false, *catalog_, account_, random_).ok());
  EXPECT_TRUE(known().has_value());
}

}  // namespace
}  // namespace weir::cli
