using System.Collections.Generic;

namespace Hakmem.Tests.Concurrency;

// One word of a model's memory, with every value that was written to it, oldest first: the order all threads agree on.
internal sealed class ModelCell(string name, int index, int initial)
{
    public string Name => name;

    public int Index => index;

    public List<ModelWrite> Writes { get; } = [new ModelWrite(initial, [])];

    public int Newest => Writes[^1].Value;
}
