"""The commands about money: own prices, and costs computed anew."""
