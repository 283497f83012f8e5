"""From images and a reference to one frozen result: how real, varied, readable and original generated digits are."""
