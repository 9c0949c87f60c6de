"""Which values may share memory, so that a write into one is a write into all."""

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from torch import fx

from permviz.graph import nodes


@dataclass(slots=True)
class Memory:
    """The node that first held the memory of each node."""

    roots: dict[fx.Node, fx.Node] = field(default_factory=dict)
    parts: dict[fx.Node, tuple[fx.Node, ...]] = field(default_factory=dict)

    def add(self, node: fx.Node) -> None:
        """Note a node; its result may be a view of its first operand."""
        sources = [source for source in node.all_input_nodes if source in self.roots]
        if node.target is operator.getitem and sources and sources[0] in self.parts:
            self.roots[node] = self.parts[sources[0]][int(str(node.args[1]))]
        elif sources and nodes.may_share_memory(node):
            self.roots[node] = self.roots[sources[0]]
        else:
            self.roots[node] = node

    def bind(self, inner: fx.Node, outer: fx.Node | None) -> None:
        """Let an operand of a nested graph be what it is called with."""
        self.roots[inner] = inner if outer is None else self.roots.get(outer, inner)

    def add_parts(self, node: fx.Node, results: Sequence[fx.Node]) -> None:
        """Note a nested graph, each of whose results may share memory with its operands."""
        self.roots[node] = node
        self.parts[node] = tuple(self.roots[result] for result in results)

    def sharing(self, node: fx.Node) -> Iterator[fx.Node]:
        """Every node that may share memory with this one, itself included."""
        root = self.roots[node]
        return (other for other, its in self.roots.items() if its is root)
