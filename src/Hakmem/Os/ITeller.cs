namespace Hakmem.Os;

// Has something to tell the program, such as that a limit is exceeded; under no lock. Does not throw.
internal interface ITeller
{
    void Tell();
}
