#include "control/secret_mask.h"

#include <gtest/gtest.h>

namespace weir::control {
namespace {

TEST(SecretMask, everyPlaceIsMaskedByName) {
  EXPECT_EQ(maskSecrets("Error: hunter2 is not hunter2\n  at hunter2", {{"KEY", "hunter2"}}),
            "Error: [secret KEY] is not [secret KEY]\n  at [secret KEY]");
  EXPECT_EQ(maskSecrets("nothing here", {{"KEY", "hunter2"}}), "nothing here");
  EXPECT_EQ(maskSecrets("", {{"KEY", "hunter2"}}), "");
}

TEST(SecretMask, theLongestWins) {
  EXPECT_EQ(maskSecrets("hunter22!", {{"LONG", "hunter22"}, {"SHORT", "hunter2"}}), "[secret LONG]!");
}

TEST(SecretMask, whatAnyTextHoldsIsLeft) { EXPECT_EQ(maskSecrets("a b c", {{"KEY", "b"}, {"NONE", ""}}), "a b c"); }

// What stands in the place of a secret is not looked at again.
TEST(SecretMask, aNameThatIsASecretStays) {
  EXPECT_EQ(maskSecrets("hunter2", {{"KEYS", "hunter2"}, {"OTHER", "KEYS"}}), "[secret KEYS]");
}

}  // namespace
}  // namespace weir::control
