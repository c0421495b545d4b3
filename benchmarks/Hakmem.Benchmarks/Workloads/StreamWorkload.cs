using System;
using System.IO;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// A stream in memory that is written from empty to its full length in pieces and then disposed, as a response is built or an upload
/// kept. What a stream costs beyond copying the bytes: growing, and where its memory comes from.
/// </summary>
internal sealed class StreamWorkload : Workload
{
    private readonly long _streamBytes;
    private readonly byte[] _piece;

    /// <summary>Describes the stream.</summary>
    /// <param name="name">The row's name.</param>
    /// <param name="streamBytes">How long it becomes.</param>
    /// <param name="pieceBytes">How much is written at a time.</param>
    public StreamWorkload(string name, long streamBytes, int pieceBytes)
        : base(name)
    {
        _streamBytes = streamBytes;
        _piece = new byte[pieceBytes];
        new Random(1).NextBytes(_piece);
    }

    public override WorkloadBody? ForStream(Func<Stream> create) => operations =>
    {
        for (long i = 0; i < operations; i++)
        {
            WriteOne(create);
        }

        return operations;
    };

    private void WriteOne(Func<Stream> create)
    {
        using Stream stream = create();
        for (long written = 0; written < _streamBytes; written += _piece.Length)
        {
            stream.Write(_piece);
        }
    }
}
