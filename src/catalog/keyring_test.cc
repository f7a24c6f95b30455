#include "catalog/keyring.h"

#include <gtest/gtest.h>

#include "catalog/test_fakes.h"

namespace weir::catalog {
namespace {

const std::string kOne(64, '1');
const std::string kTwo(64, '2');

class KeyringTest : public testing::Test {
 protected:
  std::unique_ptr<Keyring> open() {
    auto opened = Keyring::open(random_, [this] {
      ++reads_;
      return parseSecretKeys(file_);
    });
    EXPECT_TRUE(opened.ok());
    return std::move(opened).value();
  }
  static std::string idOf(const std::string& hex) { return SecretKey::parse(hex)->id(); }

  SeededRandom random_;
  std::string file_ = kOne + "\n";
  int reads_ = 0;
};

constexpr SecretPlace kPlace{"account", "shop", "TOKEN"};

TEST_F(KeyringTest, whatIsSealedOpensInItsPlaceAlone) {
  const auto ring = open();
  for (const std::string& text :
       {std::string("hunter2"), std::string(), std::string("a\0b", 3), std::string(5'000, 'x')}) {
    const auto sealed = ring->seal(kPlace, text);
    EXPECT_EQ(sealed.name, "TOKEN");
    EXPECT_EQ(sealed.key, idOf(kOne));
    EXPECT_EQ(sealed.sealed.size(), text.size() + 29);
    const auto opened = ring->open(kPlace, sealed);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_EQ(opened->view(), text);
    for (const SecretPlace& other : {SecretPlace{"accounts", "hop", "TOKEN"}, SecretPlace{"account", "shop", "token"},
                                     SecretPlace{"account", "shopT", "OKEN"}, SecretPlace{"other", "shop", "TOKEN"}}) {
      const auto moved = ring->open(other, sealed);
      ASSERT_FALSE(moved.ok());
      EXPECT_EQ(moved.error().message, "secret " + std::string(other.name) + " of script " + std::string(other.script) +
                                           ": what is stored is damaged, or was not stored here");
    }
  }
}

TEST_F(KeyringTest, noBitOfWhatIsSealedCanChange) {
  const auto ring = open();
  const auto sealed = ring->seal(kPlace, "hunter2");
  const std::string_view bytes(reinterpret_cast<const char*>(sealed.sealed.data()), sealed.sealed.size());
  EXPECT_EQ(bytes.find("hunter2"), std::string_view::npos);
  EXPECT_NE(ring->seal(kPlace, "hunter2").sealed, sealed.sealed);  // a nonce of its own each time
  int tried = 0;
  for (size_t at = 0; at < sealed.sealed.size(); ++at) {
    auto changed = sealed;
    changed.sealed[at] ^= std::byte{1};
    EXPECT_FALSE(ring->open(kPlace, changed).ok()) << at;
    ++tried;
  }
  EXPECT_EQ(tried, 36);
  for (size_t size = 0; size < sealed.sealed.size(); ++size) {
    auto cut = sealed;
    cut.sealed.resize(size);
    EXPECT_FALSE(ring->open(kPlace, cut).ok()) << size;
  }
}

TEST_F(KeyringTest, keysThatComeLaterAreReadWhenTheyAreNeeded) {
  const auto ring = open();
  const auto before = ring->seal(kPlace, "x");
  EXPECT_EQ(reads_, 1);
  EXPECT_FALSE(ring->use(idOf(kTwo)));
  EXPECT_EQ(ring->current(), idOf(kOne));
  EXPECT_EQ(reads_, 2);

  // Another process has made a second key, and sealed with it.
  file_ = kTwo + "\n" + kOne + "\n";
  const auto after = open()->seal(kPlace, "y");
  EXPECT_EQ(after.key, idOf(kTwo));
  EXPECT_EQ(ring->open(kPlace, after)->view(), "y");
  EXPECT_EQ(ring->first(), idOf(kTwo));
  EXPECT_EQ(ring->seal(kPlace, "z").key, idOf(kOne));  // it seals with what it was told to
  EXPECT_TRUE(ring->use(idOf(kTwo)));
  EXPECT_EQ(ring->seal(kPlace, "z").key, idOf(kTwo));

  // And dropped the first.
  file_ = kTwo + "\n";
  const auto late = open();
  const auto lost = late->open(kPlace, before);
  ASSERT_FALSE(lost.ok());
  EXPECT_EQ(lost.error().message,
            "secret TOKEN of script shop: it is sealed with the key " + idOf(kOne) + ", which is not here");
}

TEST_F(KeyringTest, keysAreLinesOfDigits) {
  const auto keys = parseSecretKeys("# made today\n\n" + kOne + "\r\n" + std::string(64, 'A') + "  \n");
  ASSERT_TRUE(keys.ok());
  ASSERT_EQ(keys->size(), 2u);
  EXPECT_EQ((*keys)[0].id().size(), 16u);
  EXPECT_NE((*keys)[0].id(), (*keys)[1].id());
  EXPECT_EQ(printSecretKeys({&(*keys)[0], &(*keys)[1]}).view(), kOne + "\n" + std::string(64, 'a') + "\n");

  EXPECT_EQ(parseSecretKeys("").error().message, "there is no key: a line of 64 hexadecimal digits");
  EXPECT_EQ(parseSecretKeys(kOne + "\n" + kOne + "1\n").error().message,
            "line 2 is no key: a key has 64 hexadecimal digits");
  EXPECT_FALSE(parseSecretKeys(std::string(63, '1') + "g").ok());
  std::string many;
  for (int i = 0; i < 65; ++i) many += kOne + "\n";
  EXPECT_EQ(parseSecretKeys(many).error().message, "there are more than 64 keys");

  const auto made = SecretKey::make(random_);
  EXPECT_EQ(SecretKey::parse(made.hex().view())->id(), made.id());
  EXPECT_NE(SecretKey::make(random_).id(), made.id());
}

TEST(SecretText, isMovedAndLeavesNothingBehind) {
  SecretText text("hunter2");
  const char* const where = text.data();
  SecretText moved = std::move(text);
  EXPECT_EQ(moved.view(), "hunter2");
  EXPECT_EQ(moved.data(), where);
  EXPECT_EQ(text.size(), 0u);  // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move): what is left behind
  std::string plain = "hunter2";
  wipe(plain);
  EXPECT_TRUE(plain.empty());
}

}  // namespace
}  // namespace weir::catalog
