using System;
using System.Globalization;
using System.IO;

namespace Hakmem.Os;

// Reads the text of /proc/self/smaps, in pieces of any size, into a table:
//
//   7f2a1f000000-7f2a1f021000 rw-p 00000000 00:00 0            [name or path]
//   Rss:                   8 kB
//   VmFlags: rd wr mr mw me ac
//
// Each mapping must have its resident bytes; other fields may be missing (kernels before 3.8 have no flags), and fields
// that are not known are ignored. The kernel locks the list for a piece at a time, so mappings may change between two
// pieces: one that begins inside of its predecessor, or in front of it, was extended, and only what lies beyond counts.
//
// Anything else that cannot be understood is an InvalidDataException with the line, and so is a text that ends inside
// of a mapping: a report must not be told from half of a list.
internal sealed class SmapsParser(MappingTable table, MappedFileNames names)
{
    public const string Path = "/proc/self/smaps";

    // The longest path that the kernel prints, each byte as four characters at worst, and the fields in front of it.
    private const int MaxLineBytes = (4 * 4096) + 256;

    // An unfinished line.
    private byte[] _rest = new byte[512];
    private int _restBytes;

    private long _line;
    private MemoryMapping _current;
    private bool _isOpen;
    private bool _hasResident;
    private nuint _end;

    // Takes the next piece of the text.
    public void Add(ReadOnlySpan<byte> text)
    {
        int length;
        while ((length = text.IndexOf((byte)'\n')) >= 0)
        {
            ReadOnlySpan<byte> line = text.Slice(0, length);
            if (_restBytes > 0)
            {
                Keep(line);
                line = _rest.AsSpan(0, _restBytes);
            }

            _line++;
            ReadLine(line);
            _restBytes = 0;
            text = text.Slice(length + 1);
        }

        Keep(text);
    }

    // The text has ended.
    public void Finish()
    {
        _line++;
        if (_restBytes > 0)
        {
            throw Failure("the text ends inside of a line");
        }

        Close();
        if (table.Count == 0)
        {
            throw Failure("the list of mappings is empty");
        }
    }

    private void Keep(ReadOnlySpan<byte> text)
    {
        if (_restBytes + text.Length > MaxLineBytes)
        {
            _line++;
            throw Failure("the line is too long");
        }

        if (_restBytes + text.Length > _rest.Length)
        {
            Array.Resize(ref _rest, Math.Max(2 * _rest.Length, _restBytes + text.Length));
        }

        text.CopyTo(_rest.AsSpan(_restBytes));
        _restBytes += text.Length;
    }

    private void ReadLine(ReadOnlySpan<byte> line)
    {
        if (line.Length > 0 && DigitOf(line[0]) >= 0)
        {
            Close();
            Open(line);
        }
        else
        {
            int colon = line.IndexOf((byte)':');
            if (colon <= 0 || line[0] is < (byte)'A' or > (byte)'Z')
            {
                throw Failure("this is neither a mapping nor a field of one");
            }

            ReadField(line.Slice(0, colon), line.Slice(colon + 1));
        }
    }

    // The line that begins a mapping.
    private void Open(ReadOnlySpan<byte> line)
    {
        nuint start = ReadHex(ref line, (byte)'-');
        nuint end = ReadHex(ref line, (byte)' ');
        if (start >= end || (start < _current.Start && end <= _end) || line.Length < 5 || line[4] != (byte)' ')
        {
            throw Failure("the addresses of a mapping do not follow those before, or its access is missing");
        }

        MappingTraits traits =
            (line[0] == (byte)'r' ? MappingTraits.Readable : 0) |
            (line[1] == (byte)'w' ? MappingTraits.Writable : 0) |
            (line[2] == (byte)'x' ? MappingTraits.Executable : 0) |
            (line[3] is (byte)'s' or (byte)'S' ? MappingTraits.Shared : 0);

        // The access, the offset in the file, the device and the inode.
        for (int field = 0; field < 4; field++)
        {
            int space = line.IndexOf((byte)' ');
            if (space < 0 && field < 3)
            {
                throw Failure("a mapping has too few fields");
            }

            line = space < 0 ? default : line.Slice(space + 1);
        }

        ReadOnlySpan<byte> name = Trim(line);
        MappingTraits byName = TraitsOf(name);
        _current = new MemoryMapping
        {
            Start = start,
            End = end,
            Traits = traits | byName,
            File = byName == MappingTraits.DiskFile ? names.IndexOf(name) : MemoryMapping.NoFile,
        };
        if (_current.File >= 0 && _current.Has(MappingTraits.Executable))
        {
            names.MarkExecuted(_current.File);
        }

        _isOpen = true;
        _hasResident = false;
    }

    private void ReadField(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (!_isOpen)
        {
            throw Failure("a field comes before the first mapping");
        }

        if (key.SequenceEqual("Rss"u8))
        {
            _current.ResidentBytes = ReadKilobytes(Trim(value));
            _hasResident = true;
        }
        else if (key.SequenceEqual("VmFlags"u8))
        {
            _current.Traits |= MappingTraits.HasFlags;
            for (value = Trim(value); value.Length >= 2; value = Trim(value.Slice(2)))
            {
                ReadOnlySpan<byte> flag = value.Slice(0, 2);
                _current.Traits |=
                    flag.SequenceEqual("nr"u8) ? MappingTraits.NoReserve
                    : flag.SequenceEqual("nh"u8) ? MappingTraits.NoHugePages
                    : flag.SequenceEqual("dd"u8) ? MappingTraits.NotDumped
                    : MappingTraits.None;
            }
        }
    }

    private void Close()
    {
        if (!_isOpen)
        {
            return;
        }

        if (!_hasResident)
        {
            throw Failure("the mapping before this line has no resident bytes (Rss)");
        }

        if (_current.End > _end)
        {
            MemoryMapping mapping = _current;
            mapping.Start = nuint.Max(mapping.Start, _end);
            mapping.ResidentBytes = Math.Min(mapping.ResidentBytes, (long)mapping.Bytes);
            table.Add(mapping);
            _end = mapping.End;
        }

        _isOpen = false;
    }

    private static MappingTraits TraitsOf(ReadOnlySpan<byte> name)
    {
        if (name.Length == 0)
        {
            return MappingTraits.Anonymous;
        }

        if (name[0] == (byte)'[')
        {
            return name.SequenceEqual("[heap]"u8) ? MappingTraits.Heap
                : name.StartsWith("[stack"u8) || IsNamed(name, "stack"u8) ? MappingTraits.Stack
                : IsNamed(name, "malloc"u8) || IsNamed(name, "scudo"u8) ? MappingTraits.NamedMalloc
                : name.StartsWith("[anon_shmem"u8) ? MappingTraits.MemoryFile
                : name.StartsWith("[anon"u8) ? MappingTraits.Anonymous
                : MappingTraits.Kernel;
        }

        return name.StartsWith("/memfd:doublemapper"u8) ? MappingTraits.RuntimeCode
            : name.StartsWith("/memfd:"u8) || name.StartsWith("/dev/shm/"u8) || name.StartsWith("/SYSV"u8) ||
              name.StartsWith("/dev/zero"u8) || name[0] != (byte)'/' ? MappingTraits.MemoryFile
            : MappingTraits.DiskFile;
    }

    // Whether a program or library has given anonymous memory a name with this word in it: [anon:glibc: malloc arena].
    private static bool IsNamed(ReadOnlySpan<byte> name, ReadOnlySpan<byte> word) =>
        name.StartsWith("[anon"u8) && name.IndexOf(word) >= 0;

    private long ReadKilobytes(ReadOnlySpan<byte> text)
    {
        long value = 0;
        int digits = 0;
        while (digits < text.Length && text[digits] is >= (byte)'0' and <= (byte)'9' && value < 1L << 50)
        {
            value = (value * 10) + text[digits++] - (byte)'0';
        }

        return digits > 0 && text.Slice(digits).SequenceEqual(" kB"u8)
            ? value << 10
            : throw Failure("the resident bytes are no number of kB");
    }

    private nuint ReadHex(ref ReadOnlySpan<byte> line, byte end)
    {
        ulong value = 0;
        int index = 0;
        for (int digit; index < line.Length && index <= 16 && (digit = DigitOf(line[index])) >= 0; index++)
        {
            value = (value << 4) | (uint)digit;
        }

        if (index is 0 or > 16 || index == line.Length || line[index] != end)
        {
            throw Failure("this is no range of addresses");
        }

        line = line.Slice(index + 1);
        return (nuint)value;
    }

    private static int DigitOf(byte value) => value switch
    {
        >= (byte)'0' and <= (byte)'9' => value - (byte)'0',
        >= (byte)'a' and <= (byte)'f' => value - (byte)'a' + 10,
        _ => -1,
    };

    private static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> text)
    {
        int start = 0;
        int end = text.Length;
        while (start < end && text[start] is (byte)' ' or (byte)'\t')
        {
            start++;
        }

        while (end > start && text[end - 1] is (byte)' ' or (byte)'\t')
        {
            end--;
        }

        return text.Slice(start, end - start);
    }

    private InvalidDataException Failure(string what) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{Path}, line {_line}: {what}."));
}
