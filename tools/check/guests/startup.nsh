@echo -off
echo shell: started
for %i in 0 1 2 3
  if exist FS%i:\data.bin then
    set disk FS%i:
  endif
  if exist FS%i:\fetched.bin then
    set net FS%i:
  endif
endfor
ls %disk%\
cp -q %disk%\data.bin %disk%\copied.bin
cp -q %net%\fetched.bin %disk%\fetched.bin
comp %disk%\data.bin %disk%\copied.bin
echo shell: comp %lasterror%
echo shell: done
