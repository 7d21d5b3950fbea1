"""The plugins that ship; they use the same door as yours."""
